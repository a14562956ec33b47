"""The page of a study of images: dose sheet, classes, small pictures, arms of other scopes."""

from dataclasses import replace

import pytest
from finished_study import classification, png, save, study_result
from test_report import EVIL, Page, page_of

from headpursuit.report import figures, render
from headpursuit.report.parts import thumbnails
from headpursuit.report.parts.confusions import class_rows, confusions
from headpursuit.report.parts.examples import examples_of
from headpursuit.studies import StudyResult

pytestmark = pytest.mark.usefixtures("blank_pictures")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    result = classification()
    folder = save(result, tmp_path_factory.mktemp("images") / "study")
    return result, folder, Page(render(folder).read_text(encoding="utf-8"))


def test_the_study_comes_back_equal(rendered):
    result, folder, _ = rendered
    assert StudyResult.load(folder) == result


def test_the_page_shows_every_part(rendered):
    result, _, page = rendered
    wanted = [
        "Dose sheet",
        result.sheet.sentence,
        "random heads 0.42",
        "90% of the target answers are empty",
        "Classes",
        "random heads, same layers, mean of 2 draws",
        "Accuracy of each of the 3 classes",
        "edit-image",
        "ranked heads, image positions only",
        "edit-text",
        "ranked heads, all but image positions",
        "8 ranked heads",
        "8 random heads, same layers",
        "One image was left out.",
        "chosen by the dose sheet",
        "Target: fraction of answers that name the right class first; unrelated: fraction of answers that contain",
    ]
    assert [text for text in wanted if text not in page.text] == []


def test_the_sheet_has_heads_down_and_scales_across(rendered):
    _, _, page = rendered
    text = page.text.split("◆ marks the chosen dose.")[1].split("What is wrong with the others")[0]
    assert text.split()[:6] == ["heads×", "0×", "−1×", "−2", "1", "0.04"]
    assert text.count("over-intervened") == 2
    assert text.count("◆") == 1


def test_no_picture_is_loaded_from_anywhere(rendered):
    result, _, page = rendered
    sources = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    assert len(sources) == len(result.examples)
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert {attrs["alt"] for tag, attrs in page.tags if tag == "img"} == {e.image_name for e in result.examples}


def test_the_page_carries_pictures_up_to_a_bound_and_names_the_rest(rendered, monkeypatch, tmp_path):
    result, folder, _ = rendered
    one = len("data:image/png;base64,") + 4 * -(-len(png()) // 3)
    monkeypatch.setattr(thumbnails, "MOST_BYTES", 2 * one)
    page = Page(render(folder).read_text(encoding="utf-8"))
    shown = {attrs["alt"] for tag, attrs in page.tags if tag == "img"}
    assert len(shown) == 2
    assert all(e.image_name in page.text for e in result.examples if e.image_name not in shown)


def test_pictures_of_the_examples_that_are_seen_at_once_come_first(monkeypatch, tmp_path):
    folder = save(classification(n_images=40, unrelated=False), tmp_path / "study")
    one = len("data:image/png;base64,") + 4 * -(-len(png()) // 3)
    monkeypatch.setattr(thumbnails, "MOST_BYTES", 12 * one)
    text = render(folder).read_text(encoding="utf-8")
    seen, folded = text.split("The other 28 target questions")
    assert (seen.count("<img"), folded.count("<img")) == (12, 0)


def test_a_picture_elsewhere_is_not_taken_into_the_page(tmp_path):
    result = classification()
    folder = save(result, tmp_path / "study")
    (tmp_path / "secret.png").write_bytes(png())
    evil = replace(result, examples=(replace(result.examples[0], thumbnail="../secret.png"),))
    with pytest.raises(ValueError, match=r"its file ../secret.png lies elsewhere"):
        thumbnails.embedded(folder, [examples_of(evil, "target")[0].thumbnail])


def test_the_confusion_of_controls_is_their_mean():
    result = classification()
    matched = [arm.confusion for arm in result.arms_of("matched")]
    shown = confusions(result)
    assert [matrix.title for matrix in shown] == [
        "unedited model",
        "edit",
        "random heads, same layers, mean of 2 draws",
    ]
    total = sum(matched[0].counts[1])
    expected = sum(matrix.counts[1][2] / total for matrix in matched) / 2
    assert shown[2].shares[1][2] == pytest.approx(expected)
    row = class_rows(result)[0]
    assert (row.label, row.n_images) == ("three", sum(result.arms[0].confusion.counts[0]))
    assert row.accuracy[:2] == tuple(
        arm.confusion.counts[0][0] / sum(arm.confusion.counts[0]) for arm in result.arms[:2]
    )


def test_answers_are_marked_by_what_they_count(rendered):
    result, _, _ = rendered
    halves = [dict.fromkeys(result.examples[0].scores, score) for score in (0.5, 0.49, 0.0)]
    few = tuple(replace(e, scores=scores) for e, scores in zip(result.examples, halves, strict=False))
    shown = page_of(replace(result, examples=few)).text.split("✓ marks what counts.")[1]
    assert shown.count("✓") == 4  # base, edit, matched-1 and random-1 of the first image
    assert shown.count("✗") == 8


def test_the_front_and_what_was_not_measured_are_on_the_sheet(rendered):
    result, _, page = rendered
    assert "Not measured, because the model had fallen apart at a milder dose: 3 × −3." in page.text
    front = page.text.split("The Pareto front")[1].split("Classes")[0].split("verdict", 1)[1]
    assert "".join(front.split()).startswith("100.200.10tooweak1−10.910.56good1−21.004.50over-intervened")
    assert len([a for _, a in page.tags if a.get("class", "").startswith("dot ") and "title" in a]) == 6
    none = replace(
        result,
        sheet=replace(result.sheet, not_run=(), cells=tuple(replace(cell, effect=0.0) for cell in result.sheet.cells)),
    )
    text = page_of(none).text
    assert "No dose has an effect." in text
    assert "Not measured" not in text


def test_without_unrelated_questions_nothing_is_said_of_them(tmp_path):
    result = classification(unrelated=False)
    result = replace(result, verdict=replace(result.verdict, reasons=()))
    page = Page(render(save(result, tmp_path / "study")).read_text(encoding="utf-8"))
    assert "unrelated questions that could show what else is lost" in page.text
    assert "unrelated questions answered correctly" not in page.text
    assert "Unrelated questions" not in page.text
    assert "| unedited model | 0.46 (0.39-0.53) | – |" in figures(result)


def test_what_an_image_set_says_is_text_and_nothing_else(rendered):
    result, _, _ = rendered
    evil = replace(
        result,
        remarks=(EVIL,),
        sheet=replace(result.sheet, sentence=EVIL),
        arms=tuple(replace(a, confusion=replace(a.confusion, labels=(EVIL, "b", "c"))) for a in result.arms),
        examples=tuple(replace(e, image_name=EVIL, label=EVIL, thumbnail="") for e in result.examples),
    )
    page = page_of(evil)
    assert len(page.scripts) == 2
    assert page.count("img") == 0
    assert EVIL in page.text


def test_a_study_of_text_has_neither_sheet_nor_classes():
    page = page_of(study_result(n_controls=1))
    assert "Dose sheet" not in page.text
    assert "Classes" not in page.text


def test_many_classes_are_listed_but_make_no_table(rendered):
    result, _, _ = rendered
    labels = tuple(f"sign {i}" for i in range(60))
    counts = tuple(tuple(int(i == j) for j in range(61)) for i in range(60))
    wide = replace(result.arms[0].confusion, labels=labels, counts=counts)
    page = page_of(replace(result, arms=tuple(replace(a, confusion=wide) for a in result.arms)))
    assert "Accuracy of each of the 60 classes" in page.text
    assert [attrs for tag, attrs in page.tags if attrs.get("class") == "confusion"] == []
