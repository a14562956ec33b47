"""Static pictures: their style, their colours, and how they reach the disk.

matplotlib is imported only when something is drawn, and never through pyplot: no window system, and no
setting of the user's is changed.
"""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headpursuit.report import colours
from headpursuit.storage import write_bytes

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


def figure(width: float, height: float) -> Any:
    """An empty figure of matplotlib, in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def colour_map(diverging: bool) -> Any:
    """Colours of values as matplotlib takes them, the same as in the page's map."""
    from matplotlib.colors import LinearSegmentedColormap

    ends = [colours.LOW, colours.ZERO, colours.HIGH] if diverging else [colours.ZERO, colours.HIGH]
    return LinearSegmentedColormap.from_list("heads", [light for light, _ in ends])


def write(drawn: Any, path: Path) -> Path:
    """Write a figure atomically, the same bytes every time.

    Raises:
        ValueError: If the format is unknown.
    """
    check_format(path)
    write_bytes(path, saved(drawn, path.suffix.lower()))
    return path


def data_address(content: bytes, kind: str) -> str:
    """An address that holds an image or a sound of a kind, such as `image/png`."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


@style()
def saved(drawn: Any, ending: str) -> bytes:
    """A figure as a file of a format holds it; `ending` is .png, .svg or .pdf."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format=ending[1:], dpi=160, metadata=_METADATA[ending])
    return buffer.getvalue()
