"""The table of rankers over tasks in docs/rankers.md, from the folders of finished comparisons.

Run: python tools/rankers_table.py FOLDER...
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from headpursuit.studies.experiments.rankers import RankersResult, TaskComparison


def main(folders: Sequence[str]) -> None:
    """Print a row for each ranker that suits a task: share of the ceiling by task, mean share, precision and passes."""
    tasks = [task for folder in folders for task in RankersResult.load(Path(folder)).tasks]
    for line in table(tasks):
        print(line)  # noqa: T201


def table(tasks: Sequence[TaskComparison]) -> Iterator[str]:
    """The lines of the table in Markdown, best mean share first; tasks where a ranker did not suit count as 0."""
    yield f"| ranker | {' | '.join(task.task for task in tasks)} | mean | effect | precision | passes |"
    yield "| --- " * (len(tasks) + 5) + "|"
    ceilings = [task.ceiling.effect.value if task.ceiling else 0.0 for task in tasks]
    mean = np.mean(ceilings)
    yield f"| the ceiling | {' | '.join(f'{c:.2f}' for c in ceilings)} | | {mean:.2f} | | {_passes(tasks)} |"
    names = dict.fromkeys(row.ranker for task in tasks for row in task.rows)
    found = {name: [next((r for r in task.rows if r.ranker == name), None) for task in tasks] for name in names}
    shares = {name: [(row.share or 0.0) if row else 0.0 for row in rows] for name, rows in found.items()}
    for name in sorted(names, key=lambda name: -float(np.mean(shares[name]))):
        rows = [row for row in found[name] if row]
        cells = [f"{100 * share:.0f} %" if row else "–" for share, row in zip(shares[name], found[name], strict=True)]
        effects = [max(f.effect.value for f in row.figures) if row else 0.0 for row in found[name]]
        precision = np.mean([row.precision or 0.0 for row in rows])
        passes = np.mean([row.passes or 0.0 for row in rows])
        mean_share = f"{100 * np.mean(shares[name]):.0f} %"
        figures = f"{mean_share} | {np.mean(effects):.2f} | {precision:.2f} | {passes:.0f}"
        yield f"| `{name}` | {' | '.join(cells)} | {figures} |"
    for number in range(min(len(task.shortlists) for task in tasks)):
        each = [task.shortlists[number] for task in tasks]
        cells = [f"{100 * (one.share or 0.0):.0f} %" for one in each]
        among, mean_effect = np.mean([one.share or 0.0 for one in each]), np.mean([one.effect.value for one in each])
        start = f"| grown among a tenth, by `{each[0].among}` | {' | '.join(cells)} | {100 * among:.0f} % "
        yield f"{start}| {mean_effect:.2f} | | {np.mean([one.passes for one in each]):.0f} |"


def _passes(tasks: Sequence[TaskComparison]) -> str:
    known = [task.ceiling.passes for task in tasks if task.ceiling]
    return f"{np.mean(known):.0f}" if known else ""


if __name__ == "__main__":
    main(sys.argv[1:])
