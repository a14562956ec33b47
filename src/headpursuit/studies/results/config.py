"""The settings of a study."""

import math
from dataclasses import dataclass, field
from typing import get_args

from headpursuit.analysis import RankConfig, Score, count_of
from headpursuit.analysis.rankers import find_ranker
from headpursuit.heads import parse_scope
from headpursuit.models import ChatSettings, Positions
from headpursuit.studies.tasks import is_image_task
from headpursuit.studies.typed import parts_of, scales_of


@dataclass(frozen=True)
class StudyConfig(ChatSettings):
    """Everything that decides a study's outcome; saved as `config.json`.

    These are the defaults of text tasks; `usual_config` gives those of every task, and image tasks are refused with
    nothing but the defaults of text tasks.
    """

    task: str
    model: str
    revision: str | None = None
    heads: str = "1%"
    """How many heads are edited: a number, or a percentage of all; where `sweep` is on, it decides instead."""
    scale: float = -1.0
    """What the heads are multiplied by; alpha in the paper. Where `sweep` is on, it decides instead."""
    scope: str = "all"
    """Which tokens the edits act on: all, prompt, generated, or positions like `0,-1`."""
    controls: int = 5
    """Draws of random heads, once matched by layer and once from all layers."""
    other_concept: str = "months"
    """The concept whose best heads are a further control."""
    ranker: str = ""
    """What puts the heads in order, one of `headpursuit.analysis.rankers`; empty: the score of `ranking`."""
    ranking: RankConfig = field(default_factory=RankConfig)
    positions: Positions = "last"
    """Positions of the ranking prompts that are captured."""
    max_new_tokens: int = 12
    """Length of the answers."""
    batch_size: int = 64
    seed: int = 0
    """Seed of control draws, bootstrap and permutations."""
    device: str = "auto"
    dtype: str = "auto"
    concept: str = ""
    """The concept that captions are read for: a built-in name or a file; other tasks have one of their own."""
    scorer: str = ""
    """What judges outputs where the metric is toxicity or sentiment, instead of the task's own."""
    data: str = ""
    """The image set of an image task: a name or a folder; else where a task's rows are read from instead."""
    ask: str = ""
    """What is asked about each image, instead of the image set's own question."""
    images: int = 200
    """Held-out images, at most."""
    selection_images: int = 200
    """Images that heads and dose are chosen on, at most; never held-out ones."""
    skip_bad: bool = False
    """Leave out images that cannot be read, instead of stopping at the first."""
    sweep: bool = False
    """Choose number and scale of the heads by a dose sheet, on questions that are not held out."""
    sweep_questions: int = 60
    """Questions of each group that every dose answers, at most."""
    effect: float = 0.5
    """The least fraction by which the target score is to fall (or rise), for a dose to be recommended."""
    damage: float = 0.15
    """The largest fraction of the right unrelated answers that may be lost."""
    doses: str = ""
    """Numbers or percentages of heads on the dose sheet, like `1,2,4`; empty: 1, 2, 3, 4, 6, 8, 16, 32, as far as they
    are at most one head in 32."""
    scales: str = "0,-1,-2,-3"
    """Scales on the dose sheet."""
    enhance_scales: str = "1.5,2,3,5"
    """Scales on the dose sheet of an enhancement; captioning has one."""
    also: str = ""
    """Further numbers or percentages of heads that are measured on the held-out questions, like `8,16,32`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_defaults()
        for heads in (self.heads, *self.dose_heads, *self.also_heads):
            count_of(heads, 10**9)
        parse_scope(self.scope)
        self._check_ranker()
        if self.positions not in get_args(Positions):
            raise ValueError(f"unknown positions {self.positions!r}; choose {', '.join(get_args(Positions))}")
        for name in ("controls", "max_new_tokens", "batch_size", "images", "selection_images", "sweep_questions"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("effect", "damage"):
            if not 0 < getattr(self, name) < (math.inf if name == "effect" else 1):
                raise ValueError(f"{name} is {getattr(self, name)}; give a fraction above 0, like 0.5")
        if self.sweep and (self.heads, self.scale) != (StudyConfig.heads, StudyConfig.scale):
            raise ValueError(
                "a sweep chooses number and scale of the heads itself; leave out either it or heads and scale"
            )
        if not self.dose_scales:
            raise ValueError("a dose sheet needs scales, like 0,-1,-2")
        for scale in (self.scale, *self.dose_scales, *self.dose_enhance_scales):
            if scale == 1 or not math.isfinite(scale):
                raise ValueError(f"the scale is {scale:g}; give a finite number other than 1, which changes nothing")

    def _check_defaults(self) -> None:
        decide = ("chat", "positions", "sweep", "heads", "scale")
        if is_image_task(self.task) and all(getattr(self, name) == getattr(StudyConfig, name) for name in decide):
            raise ValueError(
                f"these are the defaults of text tasks, and {self.task} asks about images; "
                f"write headpursuit.studies.usual_config({self.task!r}, {self.model!r})"
            )

    def _check_ranker(self) -> None:
        if not self.ranker:
            return
        find_ranker(self.ranker)
        if self.ranker in get_args(Score):
            raise ValueError(f"{self.ranker} is what pursuit scores; give it as the score, and leave the ranker out")
        if self.ranking.score != RankConfig.score:
            raise ValueError(f"either a score or a ranker puts heads in order; leave {self.ranker} or the score out")

    @property
    def dose_heads(self) -> tuple[str, ...]:
        """The numbers of heads of `doses`, each as `heads` is written."""
        return parts_of(self.doses)

    @property
    def dose_scales(self) -> tuple[float, ...]:
        """The scales of `scales`."""
        return scales_of(self.scales)

    @property
    def dose_enhance_scales(self) -> tuple[float, ...]:
        """The scales of `enhance_scales`."""
        return scales_of(self.enhance_scales)

    @property
    def also_heads(self) -> tuple[str, ...]:
        """The numbers of heads of `also`."""
        return parts_of(self.also)
