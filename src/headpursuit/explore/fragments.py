"""Fragments of the page, as HTML; whatever a visitor, a tokenizer or a model wrote is escaped by the templates."""

import base64
import io
import json
from collections.abc import Collection, Sequence
from typing import Any, get_args

from headpursuit.analysis import Ranking, SavedEdit
from headpursuit.concepts import Concept, builtin_concepts
from headpursuit.explore.answers import Answer, Arm, Table
from headpursuit.explore.study_runs import Stage
from headpursuit.explore.workbench import AuditedWord, HeadDetail, Workbench
from headpursuit.heads import Edit, Head
from headpursuit.media import ImagePrompt, ImageSource, open_image
from headpursuit.report import wording
from headpursuit.report.heatmap import head_map
from headpursuit.report.page import templates
from headpursuit.report.pictures import data_address
from headpursuit.studies.text.captions import segments

ROWS = 10
"""Heads in the table."""

_THUMBNAIL = 96
_LONGEST_SHOWN = 160
"""Characters of a prompt in the list of strongest ones."""


def _fragment(name: str, **content: Any) -> str:
    # Half a surrogate pair, which tokens can hold and UTF-8 cannot, becomes a question mark.
    text = templates("explore/templates").get_template(f"{name}.html.j2").render(content)
    return text.encode("utf-8", "replace").decode()


def audit(words: Sequence[AuditedWord], meant: str = "", notes: Sequence[str] = ()) -> str:
    """The words of a concept with their tokens; dropped ones greyed; and what became of words as they were typed."""
    tokens = {token for word in words for token in word.tokens}
    n_dropped = sum(not word.tokens for word in words)
    return _fragment("audit", words=words, n_tokens=len(tokens), n_dropped=n_dropped, meant=meant, notes=notes)


def lists() -> str:
    """The built-in concepts, each a button."""
    return _fragment("lists", names=builtin_concepts())


def heatmap(ranking: Ranking, edited: Collection[Head] = (), chosen: str = "") -> str:
    """Layers upwards, heads to the right; every cell is a button."""
    score = ranking.config.score
    drawn = head_map(ranking.by_head(score), score, about=ranking.concept, edited=edited, chosen=chosen)
    return _fragment("heatmap", map=drawn, score=score, concept=ranking.concept)


def ranking_table(ranking: Ranking) -> str:
    """The best heads with their scores."""
    return _fragment(
        "ranking",
        concept=ranking.concept,
        score=ranking.config.score,
        rows=ranking.entries[:ROWS],
        n_heads=len(ranking.entries),
        n_found=len(ranking.found()) if ranking.has_q else None,
    )


def head(bench: Workbench, detail: HeadDetail) -> str:
    """A head's tokens with the explained curve, and its strongest prompts."""
    found = detail.explanation
    steps = max(1, len(found.explained) - 1)
    top = max((*found.explained, 1e-9))
    points = " ".join(f"{100 * i / steps:.1f},{42 - 40 * value / top:.1f}" for i, value in enumerate(found.explained))
    return _fragment(
        "head",
        head=str(found.head),
        tokens=found.tokens,
        explained=found.explained,
        points=points,
        strongest=[
            {"prompt": one.prompt + 1, "times": one.times, **_shown(bench, one.prompt, one.position)}
            for one in detail.strongest
        ],
    )


def _shown(bench: Workbench, number: int, position: int) -> dict[str, str]:
    """A captured prompt as text, with its image if it has one."""
    if bench.prompts is None:
        return {"text": f"prompt {number + 1}, position {position}", "thumbnail": ""}
    prompt = bench.prompts[number]
    text, image = (prompt.text, prompt.image) if isinstance(prompt, ImagePrompt) else (str(prompt), None)
    text = text if len(text) <= _LONGEST_SHOWN else "… " + text[-_LONGEST_SHOWN:]
    return {"text": text, "thumbnail": "" if image is None else thumbnail(image)}


def thumbnail(image: ImageSource) -> str:
    """A small copy of an image, as an address that holds it."""
    small, buffer = open_image(image).copy(), io.BytesIO()
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    small.save(buffer, format="PNG")
    return data_address(buffer.getvalue(), "image/png")


def no_head() -> str:
    """The text in a head's place before one is chosen."""
    return _fragment("no_head")


def answers(table: Table, concept: Concept | None, picture: str | None = None) -> str:
    """The columns, the words of the concept marked, and the damage beneath.

    Args:
        table: The answers so far.
        concept: Its words are marked.
        picture: The thumbnail of the image they are about; empty if a model that sees was shown none.
    """
    arms = [
        {
            "name": name,
            "title": _title(name, table.answers[name]),
            "finished": table.answers[name].finished,
            "segments": segments(table.answers[name].text, concept.words if concept else ()),
        }
        for name in get_args(Arm)
        if name in table.answers
    ]
    damage = table.damage
    return _fragment(
        "answers",
        arms=arms,
        picture=picture,
        waiting=table.waiting,
        undrawn=table.undrawn,
        damage=damage,
        signs=damage.signs if damage else (),
        finished=damage is not None,
    )


def _title(arm: Arm, answer: Answer) -> str:
    if arm == "base":
        return "unedited"
    names = " ".join(map(str, list(answer.edit)[:6])) + (" …" if len(answer.edit) > 6 else "")
    scales = {wording.number(scale) for scale in answer.edit.values()}
    what = f"{names} × {', '.join(sorted(scales))}" if answer.edit else "no head"
    return f"edited: {what}" if arm == "edit" else f"random heads: {what}"


def message(text: str) -> str:
    """One clear line about what went wrong; nothing if nothing did."""
    return _fragment("message", text=" ".join(text.split()))


def stage(now: Stage | None, state: str = "running", text: str = "") -> str:
    """The progress of a study."""
    if now is None:
        return _fragment("stage", state=state, text=text, done=0, total=0, folder="")
    shown = text or now.verdict or f"{now.name}: {now.done} of {now.total}"
    return _fragment("stage", state=state, text=shown, done=now.done, total=now.total, folder=str(now.folder or ""))


def export(edit: Edit, ranking: Ranking, shipping: str) -> str:
    """The edit as a file to download, the same that `headpursuit edit` writes, and the command that ships it."""
    saved = SavedEdit(edit, ranking.model, ranking.revision, ranking.unembedding_sha256, ranking.concept)
    content = base64.b64encode(json.dumps(saved.to_json(), ensure_ascii=False, indent=1).encode()).decode()
    scales = ", ".join(sorted({wording.number(scale) for scale in edit.values()}))
    summary = f"{len(edit)} {'head' if len(edit) == 1 else 'heads'} × {scales}, positions: {edit.scope}."
    return _fragment("export", summary=summary, content=content, shipping=shipping)


def about(bench: Workbench, origin: str) -> str:
    """The model and its capture."""
    captured = bench.capture
    return _fragment(
        "about",
        model=bench.model.name or "model",
        summary=bench.model.anatomy.summary(),
        n_samples=captured.n_samples,
        n_prompts=captured.n_prompts,
        positions=captured.config.positions,
        origin=f", {origin}" if origin else "",
    )
