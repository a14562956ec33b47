"""The frame of every page, and how a page reaches the disk.

Everything is inside the file: no font, script, style or picture is loaded from elsewhere, and the page's content policy
forbids it. Whatever is put into a template is escaped. The frame knows no kind of page: a page is a template with what
it shows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from headpursuit.report import pictures, wording
from headpursuit.storage import write_bytes

PAGE = "report.html"
FIGURES = "figures"


@dataclass(frozen=True)
class Page:
    """A page before it is written."""

    template: str
    """Extends `page.html.j2`."""
    title: str
    content: Mapping[str, Any]
    """Values that the template shows, by name."""
    data: Any = None
    """Data for the script, as JSON."""
    style: str = ""
    """The look of its own parts, after the frame's style."""
    script: str = ""
    """A page without any forbids scripts."""
    figures: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    """Functions that draw the pictures kept beside the page, by name; in a template `picture(NAME)` is its address."""
    name: str = PAGE

    def text(self) -> str:
        """The page as HTML; the same content gives the same page."""
        shown = {
            "page_title": self.title,
            "style": own_file("style.css") + self.style,
            "script": self.script,
            "data": self.data,
            "picture": lambda name: pictures.data_address(self._vectors[name], "image/svg+xml"),
        }
        return templates("report").get_template(self.template).render(shown | dict(self.content))

    def write(self, folder: Path) -> Path:
        """Write the page and its pictures into a folder, over any that are there; nothing if one cannot be made.

        Returns:
            The path of the page. Beside it: `figures/NAME` of every picture, as .png and .svg.
        """
        # Half a surrogate pair, which JSON can hold and UTF-8 cannot, becomes a question mark.
        content = self.text().encode("utf-8", "replace")
        raster = {name: pictures.saved(draw(), ".png") for name, draw in self.figures.items()}
        if self.figures:
            (folder / FIGURES).mkdir(exist_ok=True)
        for ending, images in (("svg", self._vectors), ("png", raster)):
            for name, image in images.items():
                write_bytes(folder / FIGURES / f"{name}.{ending}", image)
        write_bytes(folder / self.name, content)
        return folder / self.name

    @cached_property
    def _vectors(self) -> dict[str, bytes]:
        """The pictures as SVG: what the page shows lies beside it, too."""
        return {name: pictures.saved(draw(), ".svg") for name, draw in self.figures.items()}


@cache
def templates(folder: str) -> Environment:
    """The templates in a folder of the package; whatever is put into them is escaped."""
    environment = Environment(
        loader=PackageLoader("headpursuit", folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(wording.FILTERS)
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    return environment


def fragment(template: str, **content: Any) -> str:
    """A piece of a page; whoever shows it marks it as safe."""
    return templates("report").get_template(template).render(content)


def own_file(name: str) -> str:
    """A style or script of this package, as it is."""
    return resources.files("headpursuit.report").joinpath(name).read_text(encoding="utf-8")
