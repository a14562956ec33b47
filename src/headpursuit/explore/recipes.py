"""The command lines and the Python that give what is on the screen."""

import json
import shlex
from pathlib import Path

from headpursuit.concepts import Concept, builtin_concepts
from headpursuit.explore.view import View
from headpursuit.heads import Edit
from headpursuit.models import LanguageModel

_WORDS = "words.txt"


def commands(model: LanguageModel, capture: Path, concept: Concept, view: View, edit: Edit) -> str:
    """Lines for a shell that give the ranking, the head and the edit on the screen; each can be copied."""
    name, lines = concept.name, []
    if not _is_builtin(concept):
        name = _WORDS
        lines.append(f"printf '%s\\n' {shlex.join(concept.words)} > {_WORDS}")
    place = shlex.quote(str(capture))
    score = "" if view.score == "specificity" else f" --score {view.score}"
    lines.append(f"{_program(model)} rank {place} --concept {name}{score} -o ranking")
    if view.head:
        lines.append(f"{_program(model)} explain {place} --head {shlex.quote(view.head)}")
    if view.picked.strip():
        lines.append(f"printf '%s\\n' {shlex.quote(json.dumps(edit.to_json()))} > edit.json")
    else:
        scope = "" if view.scope == "all" else f" --scope {view.scope}"
        lines.append(f"headpursuit edit ranking --heads {view.heads} --scale {view.scale:g}{scope} -o edit.json")
    return "\n".join([*lines, *filter(None, [shipping(model, view)])])


def shipping(model: LanguageModel, view: View) -> str:
    """The command that makes an adapter of the edit's file; empty where none can: adapters know no positions."""
    if view.scope != "all":
        return ""
    revision = f" --revision {shlex.quote(model.revision)}" if model.revision else ""
    return f"{_program(model)} export {shlex.quote(model.name)}{revision} --edit edit.json --format ia3 -o edited"


def python(
    model: LanguageModel, capture: Path, concept: Concept, view: View, edit: Edit, image: Path | None = None
) -> str:
    """A script that prints the edited answer on the screen."""
    prompt = repr(view.prompt) if image is None else f"ImagePrompt({view.prompt!r}, {image.name!r})"
    chat = ", chat=True" if view.chat else ""
    words = f"hp.load_concept({concept.name!r})"
    if not _is_builtin(concept):
        words = f"hp.Concept('words', {concept.words!r})"
    rank = "hp.rank(model, capture, concept)"
    if view.score != "specificity":
        rank = f"hp.rank(model, capture, concept, hp.RankConfig(score={view.score!r}))"
    made = f"hp.Edit({edit.to_json()['scales']!r}, {edit.scope!r})"
    if not view.picked.strip():
        made = f"ranking.edit(heads={view.heads}, scale={view.scale:g}, scope={view.scope!r})"
    how = f", revision={model.revision!r}" * bool(model.revision)
    how += f", anatomy={model.handed_file!r}" * bool(model.handed_file)
    lines = [
        "import headpursuit as hp",
        *([] if image is None else ["from headpursuit.media import ImagePrompt"]),
        "",
        f"model = hp.load({model.name!r}{how})",
        f"capture = hp.Capture.load({str(capture)!r})",
        f"concept = {words}",
        f"ranking = {rank}",
        f"edit = {made}",
        "with hp.rescale(model, edit):",
        f"    print(hp.answer(model, [{prompt}], max_new_tokens={view.tokens}{chat})[0])",
    ]
    if view.head:
        lines.append(f"print(hp.explain(model, capture, heads=[hp.Head.parse({view.head!r})])[0].tokens)")
    return "\n".join(lines)


def _program(model: LanguageModel) -> str:
    """The program, told about heads as it was."""
    return f"headpursuit --anatomy {shlex.quote(model.handed_file)}" if model.handed_file else "headpursuit"


def _is_builtin(concept: Concept) -> bool:
    return concept.name in builtin_concepts() and bool(concept.source or concept.description)
