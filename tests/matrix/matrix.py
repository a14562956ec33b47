"""Certify or refuse a tiny random model of every class, and say it in a table: `python tests/matrix/matrix.py`.

Writes the table into docs/architectures.md, between its markers.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import openings
import transformers
import zoo

from headpursuit.models import AnatomyError
from headpursuit.models.certified import certified

DOCS = Path(__file__).parents[2] / "docs" / "architectures.md"
MARKS = ("<!-- begin of the table -->", "<!-- end of the table -->")
OPENINGS = ("<!-- begin of the openings -->", "<!-- end of the openings -->")


@dataclass(frozen=True)
class Row:
    """What came of one class."""

    model_type: str
    class_name: str
    heads: str = ""
    """What was certified; empty if it was refused."""
    projection: str = ""
    flags: tuple[str, ...] = ()
    firing: int | None = None
    padding: bool = True
    skipped: str = ""
    reason: str = ""
    """Why it was refused."""

    @property
    def is_certified(self) -> bool:
        return bool(self.heads)


def examine(job: zoo.Job) -> Row:
    """Build one class and certify it."""
    try:
        network = zoo.build(job)
    except ValueError as error:
        return Row(job.model_type, job.class_name, reason=str(error).removeprefix(f"{job.class_name}: "))
    try:
        anatomy, certificate = certified(network, zoo.probe(job, network))
    except AnatomyError as error:
        reason = str(error).removeprefix(f"{job.class_name} is refused: ")
        return Row(job.model_type, job.class_name, reason=reason)
    patterns = dict.fromkeys(re.sub(r"(?<=\.)\d+(?=\.)", "N", site.path) for site in anatomy.sites)
    return Row(
        job.model_type,
        job.class_name,
        anatomy.summary(),
        " ".join(patterns),
        tuple(sorted(anatomy.flags)),
        certificate.firing,
        certificate.padding,
        anatomy.summary_of_skipped(),
    )


def table(rows: list[Row]) -> str:
    """The rows as Markdown, with their totals."""
    n_certified = sum(row.is_certified for row in rows)
    kinds = Counter(flag for row in rows for flag in row.flags)
    lines = [
        f"transformers {transformers.__version__}: {n_certified} of {len(rows)} classes certified, "
        f"{len(rows) - n_certified} refused. Flags: {', '.join(f'{flag} {n}' for flag, n in sorted(kinds.items()))}.",
        "",
        "| model type | class | heads of the tiny model | projection | flags | without heads |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_line(row) for row in rows if row.is_certified),
        "",
        "| model type | class | refused, because |",
        "| --- | --- | --- |",
        *(f"| {row.model_type} | {row.class_name} | {row.reason} |" for row in rows if not row.is_certified),
    ]
    return "\n".join(lines)


def _line(row: Row) -> str:
    heads = re.sub(r"^\d+ heads: ", "", row.heads)
    notes = [] if row.firing else ["not generated with"]
    notes += [] if row.padding else ["alone"]
    name = f"{row.class_name} ({', '.join(notes)})" if notes else row.class_name
    cells = (row.model_type, name, heads, f"`{row.projection}`", " ".join(row.flags), row.skipped)
    return "| " + " | ".join(cells) + " |"


def in_docs(marks: tuple[str, str] = MARKS) -> str:
    """A table as it stands in the docs."""
    begin, end = marks
    return DOCS.read_text().partition(begin)[2].partition(end)[0].strip()


def write(text: str, marks: tuple[str, str] = MARKS) -> None:
    """Put a table into the docs."""
    begin, end = marks
    before, _, rest = DOCS.read_text().partition(begin)
    DOCS.write_text(f"{before}{begin}\n\n{text}\n\n{end}{rest.partition(end)[2]}")


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    write(openings.table(openings.openings()), OPENINGS)
    write(table([examine(job) for job in zoo.jobs()]))
