"""The page of a study of captions: both directions, captions side by side, safe whatever a model wrote."""

from dataclasses import replace

import pytest
from finished_study import estimate, notes_for, png, ranking
from test_report import EVIL, Page, page_of

from headpursuit.records import to_record
from headpursuit.report import render
from headpursuit.report.pages import captions
from headpursuit.report.parts import thumbnails
from headpursuit.storage import MANIFEST, finish_folder, write_json
from headpursuit.studies import CaptioningResult, usual_config
from headpursuit.studies.experiments.captions import CaptionExample
from headpursuit.studies.experiments.captions.result import KIND
from headpursuit.studies.judging.doses import by_preference, cell_of
from headpursuit.studies.judging.sentences import choice
from headpursuit.studies.measures import CaptionMeasure
from headpursuit.studies.results import CaptionArm, Damage, DoseSheet, Estimate, Outcome, Verdict

pytestmark = pytest.mark.usefixtures("blank_pictures")

BASE_FREQUENCY = 0.8
COLOURS = ("red", "dark blue", "green")


def arm(name, direction, kind, frequency, heads=("L1H2", "L4H0"), scale=-2.0, **changes):
    base = kind == "base"
    fields = dict(
        name=name,
        direction=direction,
        kind=kind,
        heads=() if base else heads,
        scale=None if base else scale,
        n_images=30,
        frequency=estimate(frequency),
        frequency_change=None if base else Estimate(frequency - 0.8, frequency - 0.9, frequency - 0.7),
        naming=estimate(min(frequency, 1.0) * 0.6),
        cider=estimate(1.5),
        cider_without=estimate(1.25),
        others={"shapes": estimate(0.9), "numbers": estimate(0.2)},
        length=Estimate(8.5, 8.0, 9.0),
        repetition=0.02,
        empty=0.0,
        damage=Damage(18.0, 0.05),
        n_forwards=12,
    )
    return CaptionArm(**fields | changes)


def arms_of(direction, edited, paper=1.0):
    scale = -2.0 if direction == "suppress" else 3.0
    rows = [("", "edit", edited), ("-paper", "dose", paper), ("-image", "image", 0.7), ("-text", "text", 0.75)]
    rows += [(f"-{kind}-{n}", kind, 0.8 + 0.02 * n) for kind in ("matched", "random") for n in (1, 2)]
    rows += [("-other-shapes", "other", 0.77)]
    heads = ("L1H2", "L4H0") if direction == "suppress" else ("L1H2",)
    return [arm(direction + name, direction, kind, rate, heads, scale) for name, kind, rate in rows]


def sheet(direction, base, scales):
    changes = (0.5, 0.1) if direction == "suppress" else (1.2, 2.0)
    measure = CaptionMeasure(direction)
    cells = [
        cell_of(
            measure, base, arm(f"{n}x{s}", direction, "dose", change, tuple(f"L1H{i}" for i in range(n)), s, **kept)
        )
        for n in (1, 2)
        for s, change, kept in zip(scales, changes, ({}, {"empty": 0.5} if n == 2 else {}), strict=True)
    ]
    chosen = by_preference(measure, base, cells)[0]
    return DoseSheet(base, tuple(cells), *chosen.dose, choice(measure, base, chosen))


def caption_study(n_images=30, text=None, **changes):
    ranked = ranking(concept="colours", model="smollava-135m")
    base = arm("base", None, "base", BASE_FREQUENCY)
    arms = (base, *arms_of("suppress", 0.1), *arms_of("enhance", 1.9))
    examples = tuple(
        CaptionExample(
            f"scene {i}",
            f"images/{i + 1:04}.png",
            (f"A red square, {i}.", "A square."),
            {a.name: text or f"{a.name} shows a Dark  Blue circle and {i} stars." for a in arms},
        )
        for i in range(n_images)
    )
    verdicts = {
        "suppress": Verdict(Outcome.SPECIFIC, "These 2 heads lower it.", ("Words: 0.80 before.",)),
        "enhance": Verdict(Outcome.OVER_INTERVENED, "These raise it too far.", ("CIDEr fell.",)),
    }
    fields = dict(
        config=usual_config("captioning", "smollava-135m", data="scenes", concept="colours", controls=2),
        concept="colours",
        words=COLOURS,
        request="Describe the image.",
        model_summary="270 heads",
        certificate="certified: 270 heads",
        command="headpursuit study captioning smollava-135m --data scenes --concept colours",
        ranking=ranked,
        notes=notes_for(ranked),
        sheets={"suppress": sheet("suppress", base, (-1.0, -2.0)), "enhance": sheet("enhance", base, (2.0, 3.0))},
        arms=arms,
        verdicts=verdicts,
        examples=examples,
        versions={"torch": "2.13.0"},
        remarks=("One image was left out.",),
    )
    return CaptioningResult(**fields | changes)


def save(result, path):
    folder = KIND.begin(path, result.config)
    (folder / "images").mkdir()
    for example in result.examples:
        (folder / example.thumbnail).write_bytes(png())
    result.ranking.save(folder / "ranking.json")
    KIND.finish(folder, result)
    return path


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    result = caption_study()
    folder = save(result, tmp_path_factory.mktemp("captions") / "study")
    return result, folder, Page(render(folder).read_text(encoding="utf-8"))


def test_the_study_comes_back_equal_and_its_pictures_are_drawn(rendered):
    result, folder, _ = rendered
    assert CaptioningResult.load(folder) == result
    pictures = {path.name for path in (folder / "figures").iterdir()}
    assert pictures == {"heatmap.png", "heatmap.svg", "arms.png", "arms.svg"}


def as_older_versions_wrote(result):
    """The content with the ratios of each dose in place of effect and damage, and without what was added since."""
    content = to_record(result)
    del content["ranking"]
    for arm in content["arms"]:
        del arm["silenced"]
    for verdict in content["verdicts"].values():
        del verdict["why"]
    for direction, sheet in content["sheets"].items():
        del sheet["not_run"]
        sheet["direction"] = direction
        for cell, made in zip(sheet["cells"], result.sheets[direction].cells, strict=True):
            for name in ("effect", "damage", "matched"):
                del cell[name]
            base = result.sheets[direction].base
            cell["frequency"] = made.arm.relative_frequency(base)
            cell["cider"] = made.arm.kept_cider(base, direction)
    return content


def test_studies_of_older_versions_are_read_and_shown(tmp_path):
    result = caption_study()
    folder = save(result, tmp_path / "study")
    write_json(folder / "study.json", as_older_versions_wrote(result))
    (folder / MANIFEST).unlink()
    finish_folder(folder, KIND.name, {})
    assert CaptioningResult.load(folder) == result
    assert render(folder).exists()


def test_the_page_shows_every_part(rendered):
    result, _, page = rendered
    wanted = [
        *(verdict.sentence for verdict in result.verdicts.values()),
        *(reason for verdict in result.verdicts.values() for reason in verdict.reasons),
        *(one.sentence for one in result.sheets.values()),
        *(a.name for a in result.arms),
        "Suppression",
        "Enhancement",
        "0.80 → 0.10",
        "0.12 times the unedited model’s; 2 of 270 heads × −2",
        "CIDEr without these words, suppression",
        "ranked heads: 2 heads × −2",
        "the paper’s dose: 1 heads × 3",
        "mean of suppress-matched",
        "mean of enhance-random",
        "50% of the captions are empty",
        "One image was left out.",
        "chosen by the dose sheet",
        "Describe the image.",
        "A red square, 7.",
        result.command,
    ]
    assert [text for text in wanted if text not in page.text] == []


def test_the_mean_of_the_controls_is_their_mean(rendered):
    _, _, page = rendered
    row = page.text.split("mean of enhance-random")[1].split()
    assert row[:5] == ["2", "draws", "0.83", "+0.03", "0.50"]


def test_each_sheet_has_heads_down_and_scales_across(rendered):
    _, _, page = rendered
    first = page.text.split("◆ marks the chosen dose.")[1].split("What the over-intervened")[0]
    assert first.split()[:7] == ["heads×", "−1×", "−2", "1", "0.62", "/", "1.00too"]
    assert page.text.count("◆ marks the chosen dose.") == 2


def test_both_edits_are_outlined(rendered):
    _, _, page = rendered
    assert sorted(page.data["edited"]) == ["L1H2", "L4H0"]


def test_captions_stand_side_by_side_with_the_concept_marked(rendered):
    result, folder, _ = rendered
    assert captions.columns(result) == (
        "base",
        *("suppress", "enhance", "suppress-matched-1", "enhance-matched-1"),
    )
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "<bdi>suppress shows a <mark>Dark  Blue</mark> circle and 7 stars.</bdi>" in html
    assert html.count("<mark>Dark  Blue</mark>") == 5 * len(result.examples)


def test_what_a_model_wrote_is_escaped():
    page = page_of(caption_study(text=f"{EVIL} a red </mark><script>alert(3)</script>", request=EVIL))
    assert page.count("script") == 2
    assert page.count("img") == 0
    assert "alert(3)" in page.text
    assert page.count("mark") == 1 + 5 * 30


def test_silence_is_said():
    page = page_of(caption_study(n_images=4, text="\n"))
    assert page.text.count("↵") >= 20
    assert page_of(caption_study(n_images=4, text=" ")).text.count("empty") > page.text.count("empty")


def test_the_page_is_bounded_in_images_and_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(captions, "MOST", 14)
    one = len("data:image/png;base64,") + 4 * -(-len(png()) // 3)
    monkeypatch.setattr(thumbnails, "MOST_BYTES", 3 * one)
    page = Page(render(save(caption_study(), tmp_path / "study")).read_text(encoding="utf-8"))
    assert page.count("img") == 3
    assert "The first 12 of 30 held-out images" in page.text
    assert "2 more images" in page.text
    assert "all others are in study.json" in page.text


def test_the_order_is_that_of_the_names_hashes():
    result = caption_study()
    turned = replace(result, examples=tuple(reversed(result.examples)))
    assert captions.images_of(turned) == captions.images_of(result)
    assert captions.images_of(result)[0].image_name != "scene 0"
