"""The settings of a study."""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from headpursuit.heads import count_of, parse_scope
from headpursuit.settings import (
    ChatSettings,
    Flag,
    Positions,
    RankConfig,
    RunSettings,
    Score,
    arguments_of,
    known,
    settings_in,
)

C = TypeVar("C", bound=type)

LEAST_LONG = 100
"""Tokens of a long answer, at least."""

By = Literal["writing", "effect"]


def completed_by_the_task(config: C) -> C:
    """A config whose task, or the task's file, decides what is not given; a ranking's settings may be given by name."""
    init = config.__init__  # type: ignore[misc]  # of the class itself
    names = [each.name for each in fields(config) if not each.kw_only]

    @functools.wraps(init)
    def __init__(self: Any, *values: Any, **named: Any) -> None:
        given = dict(zip(names, values, strict=False)) | named
        if given.keys() != {each.name for each in fields(config)}:
            name, usual = usual_settings_for(given.pop("task"), given)
            whole = usual | {key: value for key, value in given.items() if key != "model" or value}
            seed = {} if "ranking" in whole else {"seed": whole.get("seed", 0)}
            given = {"task": name, "model": ""} | seed | whole
        init(self, **arguments_of(config, given))

    config.__init__ = __init__  # type: ignore[misc]
    return config


@completed_by_the_task
@dataclass(frozen=True)
class StudyConfig(ChatSettings, RunSettings):
    """Everything that decides a study's outcome; saved as `config.json`.

    What is not given is what the task does as a rule, or what stands under `settings` in its file: image tasks put
    questions into the chat template, rank heads on the answers' positions, and choose the dose by a dose sheet, unless
    heads or scale are given. Captioning always has dose sheets, one for each direction. The defaults here are those of
    text tasks.
    """

    task: Annotated[str, Flag("TASK")]
    """The task to measure: one that comes with the package, or a file (.yaml)."""
    model: Annotated[str, Flag("[MODEL]")] = ""
    """As for `doctor`; may stand under settings in the file."""
    chat: Annotated[bool, Flag(usual="on for image tasks")] = field(default=False, kw_only=True)
    """Put questions into the model's chat template."""
    heads: Annotated[str, Flag(usual="1%, or the sweep's")] = "1%"
    """The number of heads to edit, or a percentage of all, rounded down."""
    scale: Annotated[float, Flag(usual="-1, or the sweep's")] = -1.0
    """The factor on what they write: -1 suppresses, 0 removes, 5 enhances; alpha in the paper."""
    scope: str = "all"
    """The tokens that edits act on: all, prompt, generated, image, text, or positions like 0,-1."""
    controls: Annotated[int, Flag(least=1)] = 19
    """Draws of random heads, of the same layers and of any layer; p over draws is at least 1 / (1 + draws)."""
    near: Annotated[int, Flag(least=0)] = 0
    """Layers on either side of the edit's that draws of the same layers may take heads from too."""
    baselines: Annotated[bool, Flag(usual="on, but for captioning", part_of="one direction")] = False
    """Compare the edit with an instruction in the prompt and with directions in the residual stream, chosen within the
    same damage."""
    rungs: Annotated[bool, Flag(usual="on, but for image tasks", part_of="one direction")] = False
    """Ask the task's rungs, too: its concept in other ways, and siblings of it (docs/tasks.md)."""
    bootstraps: Annotated[int, Flag(usual="20, 0 for image tasks", least=0, part_of="one direction")] = 0
    """Resamples of the ranking prompts, fact by fact, whose best heads are compared with the edit's; 0 for none."""
    long: Annotated[int, Flag(least=0, part_of="one direction")] = 0
    """Answer some held-out questions again in so many tokens, 100 or more, greedily and sampled; 0 for none."""
    other_concept: Annotated[str, Flag(usual="months, shapes for captioning")] = "months"
    """A concept whose best heads are a further control."""
    ranker: Annotated[str, Flag(usual="the score")] = ""
    """The score that puts the heads in order: alignment, direct-attribution, ... (docs/rankers.md)."""
    ranking: RankConfig = field(default_factory=RankConfig)
    positions: Annotated[Positions, Flag(usual="last, generated for images and speech")] = "last"
    """Positions of the ranking prompts that are captured."""
    max_new_tokens: Annotated[int, Flag(usual="12, 32 for captioning, 24 for speech and translation", least=1)] = 12
    """Length of the answers."""
    concept: Annotated[str, Flag(part_of="concept")] = ""
    """The concept that captions, transcripts or translations are read for: colours, numbers, ... or a file of words;
    other tasks have one of their own."""
    continuations: Annotated[int, Flag(usual="4 where outputs are free text", least=1)] = 1
    """Answers that are drawn to each target question, where outputs are free text."""
    temperature: Annotated[float, Flag(usual="0.8 where outputs are free text")] = 0.0
    """The spread of draws, where outputs are free text; 0 takes the likeliest tokens always."""
    top_p: float = 1.0
    """Draw among the likeliest tokens alone that have this probability together."""
    reader: str = ""
    """A second model that reads what was written, where outputs are free text; named as the first."""
    scorer: str = ""
    """The judge of outputs where the task counts toxicity or sentiment, instead of the task's own."""
    data: str = ""
    """Images: digits, scenes, mnist, svhn, gtsrb, eurosat, flickr30k, coco, hf:NAME, a folder. For transcription a
    table of recordings (`audio_path`, `text`), for translation of sentences (`source`, `target`). For tasks whose rows
    come from a data set: a file with the same columns."""
    ask: Annotated[str, Flag(part_of="images")] = ""
    """The question about each image, instead of the set's own."""
    images: Annotated[int, Flag(usual="200, 100 for captioning", least=1, part_of="images")] = 200
    """Held-out images, at most."""
    selection_images: Annotated[int, Flag(least=1, part_of="images")] = 200
    """Images that choose heads and dose, at most; never held-out ones."""
    skip_bad: Annotated[bool, Flag(part_of="images")] = False
    """Leave out images that cannot be read, instead of stopping at the first."""
    by: By = "writing"
    """The choice of the edit: `writing`, the heads that rank best for the concept; `effect`, heads and scales whose
    rescaling takes most and breaks least, on questions that are not held out (docs/causal.md)."""
    among: Annotated[int, Flag(least=0)] = 0
    """By effect: try only so many heads, the best of the ranking; 0 for all."""
    sweep: Annotated[bool, Flag(usual="on for image tasks and enhancement, unless heads or scale are given")] = False
    """Choose heads and scale by a dose sheet, on questions that neither rank heads nor are held out."""
    sweep_questions: Annotated[int, Flag(least=1, part_of="sheet")] = 60
    """Questions of each group that every dose answers, at most."""
    effect: Annotated[float, Flag(usual="0.5, 0.6 for captioning", part_of="sheet")] = 0.5
    """Smallest fall (or rise) of the target score that a dose is recommended for, as a fraction."""
    damage: Annotated[float, Flag(usual="0.15, 0.2 for captioning")] = 0.15
    """Largest fraction of right unrelated answers (in captions: of CIDEr) that may be lost."""
    doses: Annotated[tuple[str, ...], Flag(usual="1, 2, 3, 4, 6, 8, 16, 32 up to one head in 32", part_of="sheet")] = ()
    """Numbers of heads on the dose sheet, like 1,2,4,1%."""
    scales: Annotated[tuple[float, ...], Flag(usual="0,-1,-2,-3; 1.5,2,3,5 to enhance", part_of="sheet")] = (
        0.0,
        -1.0,
        -2.0,
        -3.0,
    )
    """Scales on the dose sheet."""
    enhance_scales: Annotated[tuple[float, ...], Flag(part_of="captioning")] = (1.5, 2.0, 3.0, 5.0)
    """Scales on the second dose sheet of captioning, which enhances."""
    also: Annotated[tuple[str, ...], Flag(part_of="one direction")] = ()
    """Further numbers of heads to measure at the edit's scale, like 8,16,32."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.model:
            raise ValueError(f"no model is named: neither beside the task nor under settings in {self.task}")
        for heads in (self.heads, *self.doses, *self.also):
            count_of(heads, 10**9)
        parse_scope(self.scope)
        self._check_ranker()
        if self.positions not in get_args(Positions):
            raise ValueError(f"unknown positions {self.positions!r}; choose {', '.join(get_args(Positions))}")
        for name in ("effect", "damage"):
            if not 0 < getattr(self, name) < (math.inf if name == "effect" else 1):
                raise ValueError(f"`{name}` is {getattr(self, name)}; give a fraction above 0, like 0.5")
        if self.sweep and (self.heads, self.scale) != (StudyConfig.heads, StudyConfig.scale):
            raise ValueError(
                "a sweep chooses number and scale of the heads itself; leave out either it or `heads` and `scale`"
            )
        if self.by not in get_args(By):
            raise ValueError(f"`by` is {self.by!r}; an edit is chosen by {' or '.join(get_args(By))}")
        if self.by == "effect" and self.sweep:
            raise ValueError("by effect, heads and scales are chosen without a dose sheet; leave `sweep` out")
        if self.by == "effect" and (self.heads, self.scale) != (StudyConfig.heads, StudyConfig.scale):
            raise ValueError(
                "by effect, heads and scales are chosen; leave `heads` and `scale` out, or give `scales` to try"
            )
        if self.by == "effect" and (self.doses or self.also):
            raise ValueError("by effect, numbers of heads are chosen; leave `doses` and `also` out")
        if self.among and self.by != "effect":
            raise ValueError("`among` shortlists heads that are tried by effect; leave it out, or give `by=effect`")
        if 0 < self.long < LEAST_LONG:
            raise ValueError(f"`long` is {self.long}; long answers have {LEAST_LONG} tokens or more, or 0 for none")
        if not (0 <= self.temperature < math.inf and 0 < self.top_p <= 1):
            raise ValueError(
                f"`temperature` is {self.temperature:g} and `top_p` {self.top_p:g}; give a temperature from 0, like "
                "0.8, and a probability above 0, up to 1"
            )
        if not self.scales:
            raise ValueError("a dose sheet needs scales, like 0,-1,-2")
        for scale in (self.scale, *self.scales, *self.enhance_scales):
            if scale == 1 or not math.isfinite(scale):
                raise ValueError(f"the scale is {scale:g}; give a finite number other than 1, which changes nothing")

    def _check_ranker(self) -> None:
        if not self.ranker:
            return
        from headpursuit.analysis.rankers import find_ranker

        find_ranker(self.ranker)
        if self.ranker in get_args(Score):
            raise ValueError(f"{self.ranker} is what pursuit scores; give it as the score, and leave the ranker out")
        if self.ranking.score != RankConfig.score:
            raise ValueError(f"either a score or a ranker puts heads in order; leave {self.ranker} or the score out")

    @classmethod
    def upgraded(cls, content: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of older files: what these do not name is the default, whatever the task has come to do since."""
        usual = {name: each.default for name, each in settings_in(cls).items() if name in _OWN and name not in _NEEDED}
        return super().upgraded({"ranking": {}, **usual, **content})


_OWN = {each.name for each in fields(StudyConfig)}
_NEEDED = {"task", "model"}


def usual_settings_for(task: str, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The task that a name or a file asks for, and what it decides about settings beside those that are given.

    Raises:
        FileNotFoundError: If the task's file is missing.
        ValueError: If it has an unknown setting, or one of another type.
    """
    from headpursuit.studies.tasks import asked_for, file_settings, is_declaration, takes_concept

    name, usual = asked_for(task)
    usual = known(StudyConfig, usual, f"{task}, settings", besides=("task",))
    if is_declaration(task) and (Path(task).parent / usual.get("other_concept", "")).is_file():
        usual["other_concept"] = str(Path(task).parent / usual["other_concept"])
    if takes_concept(name) and given.get("concept") == usual.get("other_concept", StudyConfig.other_concept):
        usual["other_concept"] = "colours"
    in_file = file_settings(task) if is_declaration(task) else {}
    own = {key.replace("-", "_") for key in (*given, *in_file)}
    if "ranking" in given:  # which is given whole
        usual = {key: value for key, value in usual.items() if key in _OWN}
    by_effect = {**usual, **given}.get("by") == "effect" and "sweep" not in given
    if given.get("sweep") or given.get("by") == "effect":  # which chooses them, whatever the file has
        usual = {key: value for key, value in usual.items() if key not in ("heads", "scale")}
    if by_effect or ("sweep" not in own and {"heads", "scale"} & own):
        usual["sweep"] = False
    return name, usual
