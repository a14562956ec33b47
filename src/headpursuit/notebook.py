"""Results in notebooks: small tables, in which whatever is shown is text and not markup."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup


def html_table(caption: str, rows: Iterable[Sequence[object]], header: Sequence[str] = ()) -> str:
    """A table as HTML.

    Args:
        caption: What stands above it.
        rows: Cells of each row; without a header the first one names its row.
        header: Names of the columns.
    """
    first = Markup("<td>{}</td>") if header else Markup("<th>{}</th>")
    lines = [
        Markup("<tr>{}{}</tr>").format(
            first.format(row[0]), Markup("").join(map(Markup("<td>{}</td>").format, row[1:]))
        )
        for row in rows
    ]
    above = Markup("<tr>{}</tr>").format(Markup("").join(map(Markup("<th>{}</th>").format, header))) if header else ""
    return str(Markup("<table><caption>{}</caption>{}{}</table>").format(caption, above, Markup("").join(lines)))
