"""Parquet tables."""

from collections.abc import Iterator
from pathlib import Path

from headpursuit.extras import optional
from headpursuit.files.cells import Row
from headpursuit.files.texts import refuse_pointer


def parquet_rows(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file, a group in memory at a time; checksums of pages are verified where there are any.

    Raises:
        ExtraMissing: If the package pyarrow is not installed.
        ValueError: If it cannot be read, or two columns have the same name.
    """
    parquet, pyarrow = optional("pyarrow.parquet"), optional("pyarrow")
    refuse_pointer(path)
    number = 0
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            names = file.schema_arrow.names
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise _TwoColumns(f"{path}: two columns are called {twice!r}; give each its own name")
            for batch in file.iter_batches():
                for values in batch.to_pylist():
                    yield Row(values, f"{path}, row {number}")
                    number += 1
    except _TwoColumns:
        raise
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is no Parquet file that can be read: {reason:.200}") from error


class _TwoColumns(ValueError):
    """A complaint that is complete."""
