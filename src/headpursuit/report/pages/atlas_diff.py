"""The page of two atlases compared: whose words changed most, and on which concepts."""

from pathlib import Path

from headpursuit.analysis import AtlasDiff
from headpursuit.report.heatmap import finite, head_map, map_data
from headpursuit.report.page import Page
from headpursuit.report.parts.heads import heads_script, heads_style, layers_of, searched
from headpursuit.report.wording import short_name

_WORDS = "words changed"
"""The map's first values; the rest are changes of specificity."""


def page(folder: Path) -> Page:
    """The page of the comparison of atlases in a folder, `diff.html`."""
    diff = AtlasDiff.load(folder)
    heads = [change.head for change in diff.heads]
    changed = {change.head: change.changed for change in diff.heads}
    columns = {_WORDS: {"change": list(changed.values())}} | {
        f"specificity for {name}": {"change": [change.specificity[i] for change in diff.heads]}
        for i, name in enumerate(diff.concepts)
    }
    most = {change.head: diff.most_changed(change) for change in diff.heads}
    before, after = short_name(diff.before.model), short_name(diff.after.model)
    content = {
        "before_name": before,
        "after_name": after,
        "diff": diff,
        "concept_changes": [
            (name, gained, lost, largest.head, largest.specificity[i])
            for i, (name, (gained, lost, largest)) in enumerate(diff.concept_changes().items())
        ],
        "most": most,
        "map": head_map(changed, _WORDS),
        "layers": layers_of(heads),
        "shown": tuple(columns),
    }
    data = {
        **map_data(heads, columns),
        "tokens": [[*searched(change.before.tokens), *searched(change.after.tokens)] for change in diff.heads],
        "concepts": [[*change.gained, *change.lost] for change in diff.heads],
        "sortable": {
            "changed": [finite(change.changed) for change in diff.heads],
            "kept": [finite(change.kept) for change in diff.heads],
            "explained": [finite(change.after.total - change.before.total) for change in diff.heads],
            "most": [finite(abs(most[head][1])) for head in heads],
        },
    }
    title = f"Head atlas: {before} and {after}"
    return Page(
        "pages/atlas_diff.html.j2", title, content, data, style=heads_style(), script=heads_script(), name="diff.html"
    )
