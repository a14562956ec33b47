"""The page of two atlases compared: whose words changed most, and on which concepts."""

from functools import partial
from pathlib import Path

from headpursuit.analysis import AtlasDiff
from headpursuit.report import wording
from headpursuit.report.atlas import atlas_templates, map_data, own_files, searched, sites_of
from headpursuit.report.interactive import finite
from headpursuit.storage import write_bytes

DIFF_PAGE = "diff.html"

_WORDS = "words changed"
"""What the map shows first; the rest are changes of specificity."""


def render_atlas_diff(folder: Path | str) -> Path:
    """Write the page of a comparison of atlases into its folder, over any that is there.

    Args:
        folder: A folder written by `AtlasDiff.save`.

    Returns:
        The path of `diff.html`.

    Raises:
        FileNotFoundError: If there is no such comparison.
        ValueError: If it is damaged or something else.
    """
    page = Path(folder) / DIFF_PAGE
    write_bytes(page, page_of(AtlasDiff.load(folder)).encode("utf-8", "replace"))
    return page


def page_of(diff: AtlasDiff) -> str:
    """The page as text; the same comparison gives the same page."""
    before, after = (Path(side.model).name or side.model or "a model" for side in (diff.before, diff.after))
    columns = {_WORDS: {"change": [finite(change.changed) for change in diff.heads]}} | {
        f"specificity for {name}": {"change": [finite(change.specificity[i]) for change in diff.heads]}
        for i, name in enumerate(diff.concepts)
    }
    environment = atlas_templates()
    environment.filters["signed"] = partial(wording.change, decimals=3)
    return environment.get_template("atlas-diff.html.j2").render(
        page_title=f"Head atlas: {before} and {after}",
        before_name=before,
        after_name=after,
        diff=diff,
        concept_changes=[
            (name, gained, lost, most.head, most.specificity[i])
            for i, (name, (gained, lost, most)) in enumerate(diff.concept_changes().items())
        ],
        most={change.head: diff.most_changed(change) for change in diff.heads},
        sites=sites_of([change.head for change in diff.heads]),
        shown=tuple(columns),
        data={
            **map_data([change.head for change in diff.heads], columns),
            "tokens": [[*searched(change.before), *searched(change.after)] for change in diff.heads],
            "concepts": [[*change.gained, *change.lost] for change in diff.heads],
            "sortable": {
                "changed": [finite(change.changed) for change in diff.heads],
                "kept": [finite(change.kept) for change in diff.heads],
                "explained": [finite(change.after.total - change.before.total) for change in diff.heads],
                "most": [finite(abs(diff.most_changed(change)[1])) for change in diff.heads],
            },
        },
        **own_files(),
    )
