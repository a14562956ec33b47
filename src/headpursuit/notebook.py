"""Results in notebooks: small tables, in which whatever is shown is text and not markup."""

from collections.abc import Iterable, Sequence
from html import escape


def html_table(caption: str, rows: Iterable[Sequence[object]], header: Sequence[str] = ()) -> str:
    """A table as HTML.

    Args:
        caption: What stands above it.
        rows: Cells of each row; without a header the first one names its row.
        header: Names of the columns.
    """
    first = "td" if header else "th"
    lines = [_row([first, *["td"] * (len(row) - 1)], row) for row in rows]
    above = _row(["th"] * len(header), header) if header else ""
    return f"<table><caption>{escape(caption)}</caption>{above}{''.join(lines)}</table>"


def _row(tags: Sequence[str], cells: Sequence[object]) -> str:
    shown = (f"<{tag}>{escape(str(cell))}</{tag}>" for tag, cell in zip(tags, cells, strict=True))
    return f"<tr>{''.join(shown)}</tr>"
