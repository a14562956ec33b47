"""The state of a visitor's screen, in a form that fits into the page's address."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, get_args
from urllib.parse import parse_qsl, urlencode

from headpursuit.analysis import Score
from headpursuit.explore.visitor_input import LONGEST_CONCEPT, LONGEST_HEADS, LONGEST_PROMPT, check_length
from headpursuit.heads import NamedScope
from headpursuit.models import LanguageModel

SCALES = (-3.0, 8.0)
SCOPES = get_args(NamedScope)
MOST_HEADS = 32
MOST_TOKENS = 64
_LONGEST_ADDRESS = 20_000


def scopes_of(model: LanguageModel) -> tuple[str, ...]:
    """The scopes of an edit: positions of images and sounds only where a model reads them."""
    own = tuple(sense.modality.name for sense in model.senses)
    return (*SCOPES[:3], *own, *(("text",) if own else ()))


@dataclass(frozen=True)
class View:
    """Everything a visitor can set; what is not in the address has its default."""

    concept: str = "countries"
    """As typed: a built-in name, or words with commas."""
    score: Score = "specificity"
    head: str = ""
    """The head looked at."""
    prompt: str = "The Eiffel Tower is located in the country of"
    heads: int = 2
    """The number of best heads that are rescaled, unless some are picked."""
    picked: str = ""
    """Heads picked by hand, such as `L12H3 L20H1`."""
    scale: float = -1.0
    scope: str = "all"
    tokens: int = 16
    """Length of the answers."""
    chat: bool = False
    random: bool = True

    def __post_init__(self) -> None:
        longest = {"concept": LONGEST_CONCEPT, "prompt": LONGEST_PROMPT, "picked": LONGEST_HEADS, "head": LONGEST_HEADS}
        for name, most in longest.items():
            check_length(getattr(self, name), most, {"picked": "list of heads"}.get(name, name))
        if self.score not in ("specificity", "explained"):
            raise ValueError(f"unknown score {self.score!r}; choose specificity or explained")
        if self.scope not in SCOPES:
            raise ValueError(f"unknown scope {self.scope!r}; choose {', '.join(SCOPES)}")
        limits = {"heads": (1, MOST_HEADS), "tokens": (1, MOST_TOKENS), "scale": SCALES}
        for name, (lowest, highest) in limits.items():
            if not lowest <= getattr(self, name) <= highest:
                raise ValueError(f"{name} is {getattr(self, name):g}; it lies between {lowest:g} and {highest:g}")

    def query(self, usual: "View | None" = None) -> str:
        """The differences from the usual view, as the part of an address behind the question mark."""
        defaults = asdict(usual or View())
        given = {name: value for name, value in asdict(self).items() if value != defaults[name]}
        return urlencode({name: int(v) if isinstance(v, bool) else v for name, v in given.items()})

    @classmethod
    def of_query(cls, query: str, usual: "View | None" = None) -> "View":
        """Read an address; what cannot be read is as in the usual view."""
        found: dict[str, Any] = {}
        kinds = kinds_of_controls()
        for name, text in parse_qsl(query.removeprefix("?")[:_LONGEST_ADDRESS], keep_blank_values=True):
            if name in kinds:
                try:
                    value: Any = bool(int(text)) if kinds[name] is bool else kinds[name](text)
                    cls(**{name: value})
                    found[name] = value
                except ValueError:
                    continue
        return replace(usual or cls(), **found)


def usual_view(model: LanguageModel) -> View:
    """The view of a new page: a model that sees describes an image, another one is asked for a country."""
    if model.sees_images:
        return View(concept="colours", prompt="Describe the image.", chat=True)
    return View()


def kinds_of_controls() -> dict[str, Callable[[Any], Any]]:
    """The names of a view's fields, and what makes their values."""
    return {field.name: type(field.default) for field in fields(View)}
