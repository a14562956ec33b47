"""The table of rankers over tasks in docs/rankers.md, from the folders of finished comparisons.

Run: python tools/rankers_table.py FOLDER...
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from headpursuit.analysis.rankers import order_of
from headpursuit.heads import Head
from headpursuit.storage import read_json
from headpursuit.studies.causal.growing import CANDIDATES
from headpursuit.studies.experiments.rankers import RankersResult, TaskComparison

Task = tuple[TaskComparison, Mapping[str, tuple[float, int]]]
"""A task's comparison; and how a shortlist by each ranker would do (`shortlists`)."""


def main(folders: Sequence[str]) -> None:
    """Print a row for each ranker: shares of the ceiling by task, means, and how its shortlists would do."""
    tasks = [(t, shortlists(Path(f) / t.task, t)) for f in folders for t in RankersResult.load(Path(f)).tasks]
    for line in table(tasks):
        print(line)


def shortlists(folder: Path, task: TaskComparison) -> dict[str, tuple[float, int]]:
    """By ranker, the part of the screen's best heads that its best tenth holds; and how many hold the ceiling's."""
    if task.ceiling is None or not task.ceiling.edit:
        return {}
    effects = {Head.parse(h): v for file in (folder / "screen").glob("*.json") for h, v in read_json(file).items()}
    best, found = set(order_of(effects)[:CANDIDATES]), {}
    for file in (folder / "scores").glob("*.json"):
        for scores in read_json(file).get("scores", [])[:1]:
            order = order_of({Head.parse(head): value for head, value in scores.items()})
            recall = len(best & set(order[: len(order) // 10])) / len(best)
            found[file.stem] = recall, 1 + max(order.index(head) for head in task.ceiling.edit)
    return found


def table(tasks: Sequence[Task]) -> Iterator[str]:
    """The lines of the table in Markdown, best mean share first; tasks where a ranker did not suit count as 0."""
    comparisons = [task for task, _ in tasks]
    columns = [task.task for task in comparisons] + ["mean", "effect", "precision", "passes", "recall", "depth"]
    yield f"| ranker | {' | '.join(columns)} |"
    yield "| --- " * (len(tasks) + 7) + "|"
    ceilings = [task.ceiling.effect.value if task.ceiling else 0.0 for task in comparisons]
    passes = _mean(task.ceiling.passes if task.ceiling else 0.0 for task in comparisons)
    yield f"| the ceiling | {' | '.join(f'{c:.2f}' for c in ceilings)} | | {_mean(ceilings):.2f} | | {passes:.0f} | | |"
    names = dict.fromkeys(row.ranker for task in comparisons for row in task.rows)
    found = {name: [next((r for r in task.rows if r.ranker == name), None) for task in comparisons] for name in names}
    shares = {name: [(row.share or 0.0) if row else 0.0 for row in rows] for name, rows in found.items()}
    for name in sorted(names, key=lambda name: -_mean(shares[name])):
        rows = [row for row in found[name] if row]
        cells = [f"{100 * share:.0f} %" if row else "–" for share, row in zip(shares[name], found[name], strict=True)]
        effect = _mean(max(f.effect.value for f in row.figures) if row else 0.0 for row in found[name])
        lists = [places[name] for _, places in tasks if name in places]
        recall, depth = (f"{_mean(r for r, _ in lists):.2f}" if lists else ""), "/".join(str(d) for _, d in lists)
        precision, cost = _mean(row.precision or 0.0 for row in rows), _mean(row.passes or 0.0 for row in rows)
        cells += [
            f"{100 * _mean(shares[name]):.0f} %",
            f"{effect:.2f}",
            f"{precision:.2f}",
            f"{cost:.0f}",
            recall,
            depth,
        ]
        yield f"| `{name}` | {' | '.join(cells)} |"
    for name in dict.fromkeys(one.among for task in comparisons for one in task.shortlists):
        each = [next((one for one in task.shortlists if one.among == name), None) for task in comparisons]
        cells = [f"{100 * (one.share or 0.0):.0f} %" if one else "–" for one in each]
        cost = _mean(one.passes for one in each if one)
        yield f"| grown among the best tenth of `{name}` | {' | '.join(cells)} | | | | {cost:.0f} | | |"


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


if __name__ == "__main__":
    main(sys.argv[1:])
