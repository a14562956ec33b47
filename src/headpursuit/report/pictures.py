"""What all static pictures share: style, colours and how they reach the disk.

matplotlib is imported only when something is drawn, and never through pyplot: no window system, and no
setting of the user's is changed.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headpursuit.storage import write_bytes

DIVERGING = "PuOr"
"""Orange below zero, purple above: told apart with every kind of colour vision."""
SEQUENTIAL = "Purples"
BLANK = "#d4d4d4"
"""Where a layer has no such head."""

# Without these the files would carry the time and the version of the drawing library, and differ each time.
_METADATA: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
}


def check_format(path: Path) -> None:
    """Refuse a picture format early.

    Raises:
        ValueError: If the ending is not .png, .svg or .pdf.
    """
    if path.suffix.lower() not in _METADATA:
        raise ValueError(f"cannot draw {path.name!r}: its ending must be one of {', '.join(_METADATA)}")


@contextmanager
def style() -> Iterator[None]:
    """Draw with our settings whatever the user's are, and leave theirs as they were."""
    import matplotlib.style

    ours = {
        "svg.hashsalt": "headpursuit",
        "font.size": 9,
        "axes.titlesize": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.facecolor": "white",
    }
    with matplotlib.style.context(["default", ours]):
        yield


def write(figure: Any, path: Path) -> None:
    """Write a figure atomically, the same bytes every time."""
    kind = path.suffix.lower()
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind[1:], dpi=160, metadata=_METADATA[kind])
    write_bytes(path, buffer.getvalue())
