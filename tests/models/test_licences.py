"""The licence of a base model, as its files say it; whatever is wrong there, an export is written."""

import numpy
import pytest
import tiny
from gguf import GGUFWriter
from gguf_files import finish

import headpursuit as hp
from headpursuit.models.export import licence
from headpursuit.models.export.licence import Licence, licence_of


def carded(folder, front):
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text(f"---\n{front}\n---\n# A model\n")
    return str(folder)


def gguf(path, **metadata):
    writer = GGUFWriter(path, "llama")
    for key, value in metadata.items():
        writer.add_string(f"general.{key.replace('_', '.')}", value)
    writer.add_tensor("one", numpy.zeros(32, dtype=numpy.float32))
    finish(writer)
    return str(path)


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("license: mit", Licence("mit", source="its card")),
        ("license: [mit, apache-2.0]", Licence("other", "mit and apache-2.0", source="its card")),
        (
            "license: other\nlicense_name: house-rules\nlicense_link: https://example.org/rules",
            Licence("other", "house-rules", "https://example.org/rules", "its card"),
        ),
        (
            "license: other\nlicense_name: '<b>x'\nlicense_link: 'javascript:alert(1)'",
            Licence("other", source="its card"),
        ),
        ("license: '# x'", Licence("other", source="its card")),
        ("license:", Licence()),
        ("language: en", Licence()),
        ("license: [", Licence()),
        ("- license", Licence()),
    ],
)
def test_a_folder_says_it_on_its_card(tmp_path, front, expected):
    assert licence_of(carded(tmp_path, front)) == expected


def test_a_folder_without_a_card_or_with_a_broken_one_does_not(tmp_path):
    assert licence_of(str(tmp_path)) == Licence()
    (tmp_path / "README.md").write_bytes(b"\xff\xfe---")
    assert licence_of(str(tmp_path)) == Licence()
    assert str(Licence()) == "unknown: look it up before you pass this on"


def test_a_gguf_file_says_it_itself_and_else_the_card_beside_it(tmp_path):
    own = gguf(tmp_path / "own.gguf", license="other", license_name="gemma", license_link="https://example.org/gemma")
    assert licence_of(own) == Licence("other", "gemma", "https://example.org/gemma", "its GGUF file")
    silent = gguf(tmp_path / "silent.gguf")
    assert licence_of(silent) == Licence()
    carded(tmp_path, "license: mit")
    assert licence_of(silent) == Licence("mit", source="its card")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF?")
    assert licence_of(str(tmp_path / "broken.gguf")) == Licence()


def test_the_hub_is_asked_and_need_not_answer(monkeypatch):
    class Card:
        def to_dict(self):
            return {"license": "llama3.2"}

    class Hub:
        def model_info(self, name, revision, timeout):
            assert (name, revision, timeout) == ("someone/model", "abc", 5.0)
            return type("Info", (), {"card_data": Card()})

    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    assert licence_of("someone/model", "abc") == Licence("llama3.2", source="its page on the hub")
    monkeypatch.setattr(Hub, "model_info", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("out of reach")))
    assert licence_of("someone/model") == Licence()
    assert licence_of("") == Licence()


@pytest.mark.parametrize("front", ["license: mit", ""])
def test_it_stands_on_the_card_of_an_export(tmp_path, front):
    folder = tmp_path / "base"
    model = tiny.language_model()
    model.network.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    if front:
        carded(folder, front)
    hp.export(hp.load(str(folder), device="cpu"), {"L1H2": -1}, tmp_path / "out", "ia3")
    card = (tmp_path / "out" / "README.md").read_text()
    assert ("\nlicense: mit\n" in card.split("---")[1]) == bool(front)
    said = "mit, by its card; it holds for what was made of it too" if front else "unknown: look it up before"
    assert f"- licence of the base: {said}" in card
    assert licence.licence_of(str(tmp_path / "out")).id == ("mit" if front else "")
