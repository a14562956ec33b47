"""The README of what is pushed: what it is, for which model, the commands that use it."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from shlex import quote

import yaml

from headpursuit.analysis import Atlas, AtlasDiff, Ranking, SavedEdit
from headpursuit.analysis.atlases import LEVEL
from headpursuit.models import Identity, hub_id
from headpursuit.sharing.content import Content
from headpursuit.storage import versions

BEST = 10
"""Heads in a table, at most."""

_MARKS = re.compile(r"([\\`*_{}\[\]<>()#|~$&!])")


def card(content: Content, name: str, revision: str | None = None) -> str:
    """The card of a folder, Markdown with the front matter that the hub reads.

    Args:
        content: What is pushed.
        name: The repository.
        revision: Which branch or tag of it, for the command that pulls it.
    """
    title, body = _subject(content)
    lines = [
        *_front_matter(content),
        f"# {_plain(title)}",
        "",
        "Made with headpursuit, which finds the attention heads that carry a concept, proves it causally, and switches",
        "the concept down or up.",
        "",
        *body,
        "",
        "## Use",
        "",
        *_use(content, name, revision),
        "",
        "## Files",
        "",
        "`manifest.json` holds the SHA-256 of every file but this card; `headpursuit pull` verifies them all. There is",
        "only data here, nothing that is executed when it is read.",
        "",
        *_versions(content),
        "",
    ]
    return "\n".join(lines)


def _subject(content: Content) -> tuple[str, list[str]]:
    """Its title, and what is said of it."""
    subject, facts, concept = content.subject, _facts(content), content.fact("concept")
    of_concept = f" for {concept}" * bool(concept)
    if isinstance(subject, Ranking):
        return f"Attention heads ranked for {concept}", [*facts, *_concept(content), *_ranking(subject)]
    if isinstance(subject, SavedEdit):
        return f"An edit of attention heads{of_concept}", [*facts, *_concept(content), *_edit(subject)]
    if isinstance(subject, Atlas):
        return f"Every attention head of {_named(subject.identity)}, named", [*facts, *_atlas(subject)]
    if isinstance(subject, AtlasDiff):
        return f"Attention heads of {_named(subject.before)} and {_named(subject.after)} compared", _difference(subject)
    return f"{content.kind.capitalize()} of attention heads{of_concept}", [*facts, *_concept(content)]


def _front_matter(content: Content) -> list[str]:
    base = hub_id(content.fact("model"))
    tags = ["headpursuit", "attention-heads", "interpretability", content.kind]
    fields = {"library_name": "headpursuit", **({"base_model": base} if base else {}), "tags": tags}
    return ["---", yaml.safe_dump(fields, sort_keys=False).strip(), "---", ""]


def _facts(content: Content) -> list[str]:
    unembedding = _plain(content.fact("unembedding_sha256"))
    return [
        f"- model: {_model_line(content.fact('model'), content.fact('revision'))}",
        f"- SHA-256 of its unembedding: {unembedding or 'not known: headpursuit cannot check'}",
    ]


def _concept(content: Content) -> list[str]:
    return [f"- concept: {_plain(content.fact('concept')) or 'not said'}"]


def _model_line(model: str, revision: str | None) -> str:
    return f"{_plain(_public(model))}{f', revision {_plain(revision)}' if revision else ''}" if model else "not known"


def _named(identity: Identity) -> str:
    return _public(identity.model) or "a model"


def _public(model: str) -> str:
    """A model's name as others may see it: of a folder on this machine only the last part."""
    return model if hub_id(model) else PurePath(model).name


def _ranking(ranking: Ranking) -> list[str]:
    config, best = ranking.config, ranking.entries[:BEST]
    dropped = f"; words without one: {len(ranking.dropped_words)}" if ranking.dropped_words else ""
    rows = [
        (str(i), str(e.head), f"{e.explained:.3f}", f"{e.specificity:.3f}", f"{e.z:.1f}", _small(e.q))
        for i, e in enumerate(best, start=1)
    ]
    found = f"- found at q ≤ 0.05: {len(ranking.found())} heads" if ranking.has_q else "- q-values: none"
    return [
        f"- tokens that stand for it: {len(ranking.tokens)}{dropped}",
        f"- sorted by: {_plain(ranking.score)}; rule {config.rule}, {config.n_atoms} atoms, {config.n_draws} random "
        f"dictionaries ({config.null}), seed {config.seed}",
        found,
        "",
        f"## Best {len(best)} of {len(ranking.entries)} heads",
        "",
        *_table(("", "head", "explained", "specificity", "z", "q"), rows),
    ]


def _edit(saved: SavedEdit) -> list[str]:
    rows = [(str(head), f"{scale:g}") for head, scale in saved.edit.items()]
    scope = saved.edit.scope if isinstance(saved.edit.scope, str) else ", ".join(map(str, saved.edit.scope))
    return [
        f"- positions: {scope}",
        "",
        "## Heads and scales",
        "",
        "What a head writes is multiplied by its scale: -1 suppresses, 0 removes, above 1 enhances.",
        "",
        *_table(("head", "scale"), rows),
    ]


def _atlas(atlas: Atlas) -> list[str]:
    found = {name: atlas.heads_for(name) for name in atlas.names}
    named = len({head for heads in found.values() for head in heads})
    rows = [(_plain(name), str(len(heads)), ", ".join(map(str, heads[:BEST]))) for name, heads in found.items()]
    return [
        "- from weights alone"
        if atlas.from_weights
        else f"- captured: {atlas.n_prompts} prompts, {atlas.n_samples} positions",
        f"- heads that are specific for a concept at q ≤ {LEVEL:g}: {named} of {len(atlas.heads)}",
        "",
        "## Concepts and the heads that are specific for them",
        "",
        *_table(("concept", "heads", "the best of them"), rows),
    ]


def _difference(diff: AtlasDiff) -> list[str]:
    sides = (("before", diff.before), ("after", diff.after))
    rows = [(_plain(name), str(gained), str(lost)) for name, (gained, lost, _) in diff.concept_changes().items()]
    return [
        *(f"- {which}: {_model_line(side.model, side.revision)}" for which, side in sides),
        "",
        _plain(diff.sentence),
        "",
        "## Concepts, and how many heads became specific for them or ceased to be",
        "",
        *_table(("concept", "gained", "lost"), rows),
    ]


def _use(content: Content, name: str, revision: str | None) -> list[str]:
    folder = name.split("/")[1]
    exactly = f" --revision {quote(revision)}" if revision else ""
    pull = f"headpursuit pull {name} -o {folder}{exactly}"
    use = _USES.get(type(content.subject), lambda _content, _folder: ([], []))
    commands, python = use(content, folder)
    return ["```sh", pull, *commands, "```", *(["", "```python", *python, "```"] if python else [])]


def _use_ranking(content: Content, folder: str) -> tuple[list[str], list[str]]:
    model, load = _model(content)
    commands = [
        f"headpursuit edit {folder} --heads 1% --scale -1 -o edit.json",
        f"headpursuit effects {model} --ranking {folder} --prompts prompts.txt",
    ]
    chosen = f'saved = hp.SavedEdit.of(hp.Ranking.load("{folder}/ranking.json"), heads="1%", scale=-1)'
    return commands, [*load, chosen, "saved.check(model)", *_rescale("saved.edit")]


def _use_edit(content: Content, folder: str) -> tuple[list[str], list[str]]:
    model, load = _model(content)
    commands = [
        f"headpursuit effects {model} --edit {folder} --prompts prompts.txt",
        f"headpursuit export {model} --edit {folder} --format ia3 -o adapter",
    ]
    return commands, [*load, f'edit = hp.load_edit("{folder}/edit.json", model)', *_rescale("edit")]


def _use_atlas(_content: Content, folder: str) -> tuple[list[str], list[str]]:
    commands = [f"headpursuit report {folder}", f"headpursuit atlas diff {folder} OTHER"]
    return commands, ["import headpursuit as hp", "", f'print(hp.Atlas.load("{folder}").found())']


def _use_difference(_content: Content, folder: str) -> tuple[list[str], list[str]]:
    python = ["import headpursuit as hp", "", f'print(hp.AtlasDiff.load("{folder}").sentence)']
    return [f"headpursuit report {folder}"], python


_USES: Mapping[type, Callable[[Content, str], tuple[list[str], list[str]]]] = {
    Ranking: _use_ranking,
    SavedEdit: _use_edit,
    Atlas: _use_atlas,
    AtlasDiff: _use_difference,
}


def _model(content: Content) -> tuple[str, list[str]]:
    """The model's name to a shell, and the line that loads it in Python."""
    model, revision = _public(content.fact("model")) or "MODEL", content.fact("revision")
    shell = f"{quote(model)}{f' --revision {quote(revision)}' * bool(revision)}"
    python = f"model = hp.load({json.dumps(model)}{f', revision={json.dumps(revision)}' * bool(revision)})"
    return shell, ["import headpursuit as hp", "", python]


def _rescale(edit: str) -> list[str]:
    return [f"with hp.rescale(model, {edit}):", "    ...  # model.network.generate(...)"]


def _versions(content: Content) -> list[str]:
    made = content.manifest.get("versions")
    lines = [f"Made with {_listed(made)}.", ""] if isinstance(made, dict) and made else []
    return ["## Versions", "", *lines, f"Pushed with {_listed(versions('huggingface_hub'))}."]


def _listed(found: Mapping[str, object]) -> str:
    return ", ".join(f"{_plain(str(package))} {_plain(str(number))}" for package, number in found.items())


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    head = list(columns)
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def _small(q: float | None) -> str:
    return "–" if q is None else f"{q:.2g}"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))
