"""One task of a comparison: every ranker's scores on ranking prompts, and the edits that follow from them."""

import json
import time
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from headpursuit.analysis.rankers import Evidence, Ranker, Unsuited, find_ranker, order_of
from headpursuit.concepts import Concept
from headpursuit.heads import Edit, Head, parse_scope
from headpursuit.models import LanguageModel, batches
from headpursuit.studies.experiments.rankers.settings import RankersConfig
from headpursuit.studies.kernel import Parts, lacking
from headpursuit.studies.kernel.progress import Progress
from headpursuit.studies.results import StudyConfig
from headpursuit.studies.steps.ranked import capture_config, captured, evidence_of
from headpursuit.studies.tasks import Question, Task, drawn

Orders = dict[str, tuple[tuple[Head, ...], ...]]
"""By ranker, all heads from best to worst; several times for random ones."""


@dataclass(frozen=True)
class _Scored:
    """One ranker's scores, as they are kept."""

    scores: tuple[dict[Head, float], ...] = ()
    """Of all heads; several times for random ones."""
    seconds: float = 0.0
    left_out: str = ""
    """The reason that there are none."""


@dataclass(frozen=True)
class Run:
    """One task of a comparison, while it is measured."""

    model: LanguageModel
    task: Task
    concept: Concept
    config: RankersConfig
    study: StudyConfig
    folder: Path
    progress: Progress

    def ranked(self) -> tuple[Orders, dict[str, str]]:
        """Score all heads by every ranker; and which rankers do not suit, and why."""
        evidence = self._evidence()
        orders: Orders = {}
        left_out: dict[str, str] = {}
        rankers = self.config.all_rankers
        parts = Parts(self.folder / "scores", _Scored, self.progress, "rank", len(rankers))
        heads = self.model.anatomy.heads

        def lacks(found: _Scored) -> str:
            all_have = set(heads).intersection(*found.scores) if found.scores else set()
            return "" if found.left_out else lacking(heads, set(map(str, all_have)))

        for ranker in rankers:
            found = parts.part(ranker.name, partial(_scored, ranker, evidence, self.config), lacks)
            if found.left_out:
                left_out[ranker.name] = found.left_out
            else:
                orders[ranker.name] = tuple(map(order_of, found.scores))
        return orders, left_out

    @property
    def generates(self) -> bool:
        """True if edits are measured by what the model answers."""
        return self.config.generate or not all(q.answers for q in self.questions if q.group == "target")

    def edits(self, order: tuple[Head, ...]) -> tuple[Edit, ...]:
        """The edits of one order of heads, few heads first, for each number the scales as given."""
        return tuple(
            Edit.uniform(order[:count], scale, parse_scope(self.config.scope))
            for count in self.config.counts(len(order))
            for scale in self.config.scales
        )

    @property
    def questions(self) -> tuple[Question, ...]:
        """Held-out questions that every arm answers: all, or so many of each group, drawn at random."""
        if not self.config.questions:
            return self.task.heldout
        return drawn(self.task.heldout, self.config.questions, self.config.seed)

    def passes(self, name: str) -> float:
        """Passes over the ranking prompts that a ranker's scores of all heads take; a backward pass counts as two."""
        ranker = find_ranker(name)
        if not ranker.tokens_per_head:
            return ranker.passes
        lengths = [int(batch.attention_mask.sum()) for batch in batches(self.model, self.task.ranking_prompts, 1)]
        mean = sum(lengths) / len(lengths)
        return ranker.passes + ranker.tokens_per_head * self.model.anatomy.n_heads / mean

    def _evidence(self) -> Evidence:
        ours = self.config
        study = replace(self.study, ranking=ours.ranking, batch_size=ours.batch_size, seed=ours.seed)
        settings = capture_config(study, ours.samples)
        prompts = captured(self.model, self.task, settings, self.folder, self.progress)
        return evidence_of(self.model, self.task, self.concept, study, prompts)


def name_of(edit: Edit) -> str:
    """An edit's name: `3x-1-` and a hash of its heads, so that equal sets of heads are measured once."""
    heads = json.dumps([str(head) for head in edit])
    scales = set(edit.values())
    if len(scales) > 1:
        heads += json.dumps(list(edit.values()))
    scale = f"{min(scales):g}" if len(scales) == 1 else "mixed"
    return f"{len(edit)}x{scale}-{sha256(heads.encode()).hexdigest()[:12]}"


def _scored(ranker: Ranker, evidence: Evidence, config: RankersConfig) -> _Scored:
    """Scores of one ranker by head, and how long they took; or why there are none."""
    started = time.perf_counter()
    n_draws = config.draws if ranker.kind == "random" else 1
    try:
        drawn = [ranker.scores(replace(evidence, seed=evidence.seed + draw)) for draw in range(n_draws)]
    except Unsuited as error:
        return _Scored(left_out=str(error))
    return _Scored(tuple(drawn), round(time.perf_counter() - started, 3))
