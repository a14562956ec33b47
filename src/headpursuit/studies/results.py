"""A study's results: what is kept on disk, and read back without a model."""

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from headpursuit.analysis import RankConfig, Ranking, count_of
from headpursuit.heads import Edit, parse_scope
from headpursuit.models import Positions
from headpursuit.storage import MANIFEST, read_json, read_manifest, understood

ArmKind = Literal["base", "edit", "matched", "random", "other"]
"""Unedited; the ranked heads; random heads of the same layers; random heads of any layer; heads of another concept."""


@dataclass(frozen=True)
class StudyConfig:
    """Everything that decides a study's outcome; saved as `config.json`."""

    task: str
    model: str
    revision: str | None = None
    heads: str = "1%"
    """How many heads are edited: a number, or a percentage of all."""
    scale: float = -1.0
    """What the heads are multiplied by; alpha in the paper."""
    scope: str = "all"
    """Which tokens the edits act on: all, prompt, generated, or positions like `0,-1`."""
    controls: int = 5
    """Draws of random heads, once matched by layer and once from all layers."""
    other_concept: str = "months"
    """The concept whose best heads are a further control."""
    ranking: RankConfig = field(default_factory=RankConfig)
    positions: Positions = "last"
    """Positions of the ranking prompts that are captured."""
    chat: bool = False
    """Put prompts into the chat template."""
    max_new_tokens: int = 12
    """Length of the answers."""
    batch_size: int = 64
    seed: int = 0
    """Seed of control draws, bootstrap and permutations."""
    device: str = "auto"
    dtype: str = "auto"

    def __post_init__(self) -> None:
        count_of(self.heads, 10**9)
        parse_scope(self.scope)
        if self.positions not in get_args(Positions):
            raise ValueError(f"unknown positions {self.positions!r}; choose {', '.join(get_args(Positions))}")
        for name in ("controls", "max_new_tokens", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.scale == 1 or not math.isfinite(self.scale):
            raise ValueError(f"the scale is {self.scale:g}; give a finite number other than 1, which changes nothing")

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "StudyConfig":
        """The reverse of `asdict`."""
        return cls(**{**content, "ranking": RankConfig(**content["ranking"])})


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval (bootstrap over facts)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f})"


@dataclass(frozen=True)
class GroupSummary:
    """How one arm answered one group of held-out questions; all are fractions of the questions, 0 to 1."""

    n_questions: int
    contains: Estimate
    """An accepted answer occurs in the model's answer, as whole words."""
    exact: Estimate
    """The answer is an accepted answer, after SQuAD normalisation."""
    f1: Estimate
    """SQuAD token F1 with the closest accepted answer."""
    concept_rate: Estimate
    """A word of the concept occurs in the answer, right or wrong."""
    empty: float
    """Answers without any word; never booked as suppression."""
    repetition: float
    """Mean fraction of an answer's word pairs that occurred in it before."""
    contains_change: Estimate | None
    """Contains-rate minus that of the base, paired by question; None for the base itself."""


@dataclass(frozen=True)
class Damage:
    """What an edit does to everything else, on neutral text."""

    perplexity: float
    kl: float
    """Mean divergence KL(base || arm) of the next-token distributions, nats; 0 for the base."""


@dataclass(frozen=True)
class Arm:
    """One condition: an edit (or none), the answers it gave, and the damage it did."""

    name: str
    """Unique, such as `edit` or `matched-2`."""
    kind: ArmKind
    edit: Edit
    answers: tuple[str, ...]
    """To the held-out questions, in their order."""
    damage: Damage
    n_forwards: int
    """Forward passes the edit touched, counted at the hooks."""

    def to_json(self) -> dict[str, Any]:
        """All fields, heads by name."""
        return {**asdict(self), "edit": self.edit.to_json()}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Arm":
        """The reverse of `to_json`."""
        return cls(
            **{
                **content,
                "edit": Edit.from_json(content["edit"]),
                "answers": tuple(content["answers"]),
                "damage": Damage(**content["damage"]),
            }
        )


@dataclass(frozen=True)
class Verdict:
    """What a study says, in plain words."""

    outcome: Literal["specific", "not better than random", "over-intervened", "no effect", "undecidable"]
    sentence: str
    """The outcome in one sentence."""
    reasons: tuple[str, ...]
    """The measurements behind it, one sentence each."""
    p_matched: float | None
    """Permutation p-value over questions against random heads of the same layers; None if it was not computed. It takes
    the draws as given: how far other draws would fall, only more draws can say."""
    p_random: float | None
    """The same against random heads of any layer."""


@dataclass(frozen=True)
class ArmSummary:
    """An arm with its figures."""

    name: str
    kind: ArmKind
    heads: tuple[str, ...]
    scale: float | None
    target: GroupSummary
    """On the questions whose answer belongs to the concept."""
    unrelated: GroupSummary
    """On questions about other things."""
    damage: Damage
    n_forwards: int


@dataclass(frozen=True)
class Example:
    """One held-out question and what every arm answered."""

    prompt: str
    accepted: tuple[str, ...]
    group: str
    subject: str
    answers: dict[str, str]
    """By arm name."""


@dataclass(frozen=True)
class HeadNote:
    """The tokens that explain one head best, over the whole vocabulary."""

    head: str
    tokens: tuple[str, ...]
    explained: tuple[float, ...]


@dataclass(frozen=True)
class StudyResult:
    """A finished study."""

    config: StudyConfig
    concept: str
    model_summary: str
    """Heads of the model in words."""
    certificate: str
    command: str
    """How to run the study again."""
    ranking: Ranking
    notes: tuple[HeadNote, ...]
    """One per head, best tokens first."""
    arms: tuple[ArmSummary, ...]
    """Base first, then the edit, then the controls."""
    examples: tuple[Example, ...]
    """Every held-out question."""
    verdict: Verdict
    versions: dict[str, str]
    """Packages, device and dtype it ran with."""
    flags: dict[str, str] = field(default_factory=dict)
    """What limits statements about what the model's heads write, by flag, and what that means."""

    def arms_of(self, kind: ArmKind) -> tuple[ArmSummary, ...]:
        """The arms of one kind."""
        return tuple(arm for arm in self.arms if arm.kind == kind)

    def to_json(self) -> dict[str, Any]:
        """Everything but the ranking, which has its own file."""
        content = asdict(self)
        del content["ranking"]
        return content

    @classmethod
    def load(cls, path: Path | str) -> "StudyResult":
        """Read a finished study, with every checksum verified.

        Raises:
            FileNotFoundError: If there is no study at `path`.
            ValueError: If it is unfinished, damaged or something else.
        """
        folder = Path(path)
        if (folder / "config.json").is_file() and not (folder / MANIFEST).is_file():
            raise ValueError(f"the study in {folder} is unfinished; continue it with --resume")
        read_manifest(folder, "study")
        with understood(folder, "study"):
            return cls._from_json(read_json(folder / "study.json"), Ranking.load(folder / "ranking.json"))

    @classmethod
    def _from_json(cls, content: dict[str, Any], ranking: Ranking) -> "StudyResult":
        return cls(
            **{
                **content,
                "config": StudyConfig.from_json(content["config"]),
                "ranking": ranking,
                "notes": tuple(
                    HeadNote(n["head"], tuple(n["tokens"]), tuple(n["explained"])) for n in content["notes"]
                ),
                "arms": tuple(_arm_summary(arm) for arm in content["arms"]),
                "examples": tuple(Example(**{**e, "accepted": tuple(e["accepted"])}) for e in content["examples"]),
                "verdict": Verdict(**{**content["verdict"], "reasons": tuple(content["verdict"]["reasons"])}),
            }
        )


def _arm_summary(content: dict[str, Any]) -> ArmSummary:
    return ArmSummary(
        **{
            **content,
            "heads": tuple(content["heads"]),
            "target": _group_summary(content["target"]),
            "unrelated": _group_summary(content["unrelated"]),
            "damage": Damage(**content["damage"]),
        }
    )


def _group_summary(content: dict[str, Any]) -> GroupSummary:
    estimates = {k: Estimate(**v) for k, v in content.items() if isinstance(v, dict)}
    return GroupSummary(**{**content, **estimates})
