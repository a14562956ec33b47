"""Answers of llama.cpp to the country questions under an edit, beside those of transformers under the hook.

    python tools/llama_agreement.py                         both models
    python tools/llama_agreement.py gemma-3-270m -o a.json  one of them, the figures as a file too

It needs llama-cpp-python, which `make peers` installs, and pip then builds llama.cpp. The edit is shipped twice:
written into the GGUF file, and as a GGUF LoRA beside the base's file. llama.cpp reads the questions as text, with its
own tokenizer; answers are greedy, and compared without the spaces around them.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from fetch_models import MODELS, fetch_model

import headpursuit as hp
from headpursuit.heads import edit_in_words
from headpursuit.models.export.shipping import gguf_in
from headpursuit.models.model_cache import cache_folder
from headpursuit.records import to_record
from headpursuit.storage import write_json
from headpursuit.studies import load_task
from headpursuit.studies.tasks import Question
from headpursuit.studies.text.metrics import contains

EDITS = {
    "smollm2-135m": hp.Edit({"L23H4": -1, "L29H2": -1}),
    "gemma-3-270m": hp.Edit({"L12H2": -1, "L15H3": -1}),
}
"""The edits: the heads that rank best for countries, reversed."""

N_NEW = 12
"""Tokens of an answer."""


@dataclass(frozen=True)
class Engine:
    """The answers of one engine."""

    name: str
    edited: bool
    answers: tuple[str, ...]
    same_tokens: int
    """Questions that it reads as the same tokens as transformers."""


@dataclass(frozen=True)
class Row:
    """An engine's figures."""

    engine: str
    edited: bool
    target: float
    """Fraction of country questions answered rightly."""
    unrelated: float
    equal: float
    """Share of answers that are those of transformers under the same edit, by the hook, or unedited."""
    same_tokens: int


@dataclass(frozen=True)
class Agreement:
    """All engines on one model."""

    model: str
    edit: hp.Edit
    n_target: int
    n_unrelated: int
    rows: tuple[Row, ...]

    def row(self, engine: str, edited: bool) -> Row:
        """The figures of an engine."""
        return next(row for row in self.rows if (row.engine, row.edited) == (engine, edited))

    def change(self, engine: str, group: str) -> float:
        """The edit's change of the right answers to a group of questions in an engine, as a fraction of all."""
        base = self.row("transformers" if engine == "transformers" else "llama.cpp", False)
        return float(getattr(self.row(engine, True), group) - getattr(base, group))


def agreement(name: str, folder: Path, say: Callable[[str], object] = print) -> Agreement:
    """Ask every engine, with and without the edit.

    Args:
        name: A model, one of `EDITS`.
        folder: An empty folder for what is exported.
        say: Called when something is done.

    Raises:
        ImportError: If llama-cpp-python is not installed.
        OSError: If the model cannot be had.
    """
    base = fetch_model(MODELS[name], cache_folder())
    model, edit = hp.load(str(base), device="cpu", dtype="float32"), EDITS[name]
    questions = load_task("countries-qa").heldout
    prompts = [question.text for question in questions]
    ids = [tuple(model.tokenizer(prompt)["input_ids"]) for prompt in prompts]
    engines = [Engine("transformers", False, tuple(hp.answer(model, prompts, max_new_tokens=N_NEW)), len(prompts))]
    with hp.rescale(model, edit):
        engines.append(
            Engine("transformers", True, tuple(hp.answer(model, prompts, max_new_tokens=N_NEW)), len(prompts))
        )
    say("transformers has answered")
    for form in ("gguf", "gguf-lora"):
        hp.export(model, edit, folder / form, form)
    edited, adapter = (gguf_in(folder / form) for form in ("gguf", "gguf-lora"))
    for engine, changed, file, lora in (
        ("llama.cpp", False, base, None),
        ("llama.cpp, edited GGUF", True, edited, None),
        ("llama.cpp, GGUF LoRA", True, base, adapter),
    ):
        answers, same = llama_answers(file, prompts, ids, lora)
        engines.append(Engine(engine, changed, answers, same))
        say(f"{engine} has answered")
    return Agreement(
        name,
        edit,
        sum(question.group == "target" for question in questions),
        sum(question.group == "unrelated" for question in questions),
        tuple(_row(engine, engines, questions) for engine in engines),
    )


def llama_answers(
    file: Path, prompts: Sequence[str], ids: Sequence[tuple[int, ...]], lora: Path | None = None
) -> tuple[tuple[str, ...], int]:
    """Greedy answers of llama.cpp, and how many prompts it reads as these tokens."""
    from llama_cpp import Llama

    model: Any = Llama(
        str(file),
        lora_path=str(lora) if lora else None,
        n_ctx=512,
        n_threads=torch.get_num_threads(),
        n_threads_batch=torch.get_num_threads(),
        verbose=False,
    )
    answers, same = list[str](), 0
    for prompt, expected in zip(prompts, ids, strict=True):
        found = model.create_completion(prompt, max_tokens=N_NEW, temperature=0.0, repeat_penalty=1.0)
        answers.append(str(found["choices"][0]["text"]))
        same += tuple(model.input_ids[: found["usage"]["prompt_tokens"]].tolist()) == expected
    model.close()
    return tuple(answers), same


def _row(engine: Engine, engines: Sequence[Engine], questions: Sequence[Question]) -> Row:
    reference = next(one for one in engines if one.name == "transformers" and one.edited == engine.edited)
    equal = [a.strip() == b.strip() for a, b in zip(engine.answers, reference.answers, strict=True)]
    rows = [
        (question.group, contains(text, question.answers))
        for question, text in zip(questions, engine.answers, strict=True)
    ]
    target, unrelated = ([right for group, right in rows if group == wanted] for wanted in ("target", "unrelated"))
    return Row(
        engine.name,
        engine.edited,
        sum(target) / len(target),
        sum(unrelated) / len(unrelated),
        sum(equal) / len(equal),
        engine.same_tokens,
    )


def shown(found: Agreement) -> str:
    """The figures as a table of Markdown."""
    lines = [
        f"{found.model}, {edit_in_words(found.edit)}:",
        "",
        f"| engine | {found.n_target} country questions right | {found.n_unrelated} unrelated right | answers equal to "
        "transformers | same tokens |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in found.rows:
        state = "" if row.edited else ", unedited"
        lines.append(
            f"| {row.engine}{state} | {row.target:.3f} | {row.unrelated:.3f} | {row.equal:.1%} | {row.same_tokens} |"
        )
    return "\n".join(lines)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help=f"{', '.join(EDITS)}; all if none is named")
    parser.add_argument("-o", "--output", type=Path, help="a JSON file of all figures")
    given = parser.parse_args()
    unknown = [name for name in given.models if name not in EDITS]
    if unknown:
        parser.error(f"there is no model {unknown[0]!r}; choose {', '.join(EDITS)}")
    results = []
    for name in given.models or EDITS:
        with TemporaryDirectory() as folder:
            results.append(agreement(name, Path(folder)))
        print(f"\n{shown(results[-1])}\n")
    if given.output:
        write_json(given.output, [to_record(result) for result in results])


if __name__ == "__main__":
    main()
