"""The shipped questions and neutral text of the study `countries-qa`, checked without a model."""

import importlib.util
import json
import re
from collections import Counter
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TASKS = ROOT / "src" / "headpursuit" / "studies" / "tasks"
WORDLISTS = ROOT / "src" / "headpursuit" / "concepts" / "data"

spec = importlib.util.spec_from_file_location("build_questions", ROOT / "tools" / "build_questions.py")
build_questions = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build_questions)
mentions = build_questions.mentions


@pytest.fixture
def rows():
    text = (TASKS / "countries_qa.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def paragraphs():
    return (TASKS / "neutral_text.txt").read_text(encoding="utf-8").strip().split("\n\n")


def words_of(*names):
    lines = [line for name in names for line in (WORDLISTS / f"{name}.txt").read_text("utf-8").splitlines()]
    return [line for line in lines if line.strip() and not line.startswith("#")]


def of(rows, **wanted):
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def taken_apart(rows):
    """(city, phrasing) of every row: the one phrasing that fits, over both splits."""
    return [_city_and_phrasing(row["prompt"]) for row in rows]


@cache
def _city_and_phrasing(prompt):
    fits = []
    for phrasing in build_questions.RANKING_PHRASINGS + build_questions.HELDOUT_PHRASINGS:
        first, *rest = (re.escape(part) for part in phrasing.split("{x}"))
        pattern = first + "(?P<city>.+?)" + r"(?P=city)".join(rest)
        if match := re.fullmatch(pattern, prompt):
            fits.append((match["city"], phrasing))
    assert len(fits) == 1, prompt
    return fits[0]


def check_fields(rows):
    for row in rows:
        asked = ["phrasing"] if row["group"] == "target" else []
        assert list(row) == ["prompt", "answers", "group", "subject", "fact", "split", *asked]
        assert not asked or row["phrasing"].format(x=row["fact"]) == row["prompt"]
        assert row["group"] in ("target", "unrelated")
        assert row["split"] in ("ranking", "heldout")
        assert row["answers"]
        assert all(isinstance(a, str) and build_questions.normalise(a) for a in row["answers"])
        assert row["prompt"] == row["prompt"].strip()


def check_counts(rows):
    assert len(of(rows, group="target", split="ranking")) == 160
    assert len(of(rows, group="target", split="heldout")) == 160
    assert {row["subject"] for row in of(rows, group="target")} == {"countries"}
    assert not of(rows, group="unrelated", split="ranking")
    subjects = Counter(row["subject"] for row in of(rows, group="unrelated"))
    assert len(subjects) >= 6
    assert "countries" not in subjects
    assert min(subjects.values()) >= 15
    assert sum(subjects.values()) >= 120


def check_splits_share_nothing(rows):
    ranking = taken_apart(of(rows, group="target", split="ranking"))
    heldout = taken_apart(of(rows, group="target", split="heldout"))
    assert not {city for city, _ in ranking} & {city for city, _ in heldout}
    assert not {phrasing for _, phrasing in ranking} & {phrasing for _, phrasing in heldout}


def check_cities_and_phrasings_are_used_equally(rows):
    for split, n_phrasings in (("ranking", 2), ("heldout", 4)):
        found = taken_apart(of(rows, group="target", split=split))
        by_city = Counter(city for city, _ in found)
        by_phrasing = Counter(phrasing for _, phrasing in found)
        assert len(by_city) == 80
        assert set(by_city.values()) == {2}
        assert len(by_phrasing) == n_phrasings
        assert set(by_phrasing.values()) == {160 // n_phrasings}


def check_no_duplicates(rows):
    prompts = Counter(build_questions.normalise(row["prompt"]) for row in rows)
    assert prompts.most_common(1)[0][1] == 1
    for row in rows:
        assert len({build_questions.normalise(a) for a in row["answers"]}) == len(row["answers"])


def check_at_most_three_cities_a_country(rows):
    targets = of(rows, group="target")
    pairs = {(city, row["answers"][0]) for (city, _), row in zip(taken_apart(targets), targets, strict=True)}
    assert max(Counter(country for _, country in pairs).values()) <= 3


def check_no_prompt_contains_an_answer(rows):
    for row in rows:
        assert not any(mentions(row["prompt"], answer) for answer in row["answers"]), row["prompt"]


def check_unrelated_questions_have_nothing_to_do_with_countries(rows):
    targets = of(rows, group="target")
    geography = {
        *words_of("countries", "nationalities", "capitals"),
        *(answer for row in targets for answer in row["answers"]),
        *(city for city, _ in taken_apart(targets)),
    }
    names = {f" {build_questions.normalise(name)} " for name in geography}
    for row in of(rows, group="unrelated"):
        for text in (row["prompt"], *row["answers"]):
            said = f" {build_questions.normalise(text)} "
            assert not [name for name in names if name in said], row["prompt"]


def check_target_answers_are_countries(rows):
    countries = {build_questions.normalise(name) for name in words_of("countries")}
    for row in of(rows, group="target"):
        assert any(build_questions.normalise(answer) in countries for answer in row["answers"]), row["answers"]


def check_neutral_text(paragraphs):
    assert len(paragraphs) == 16
    assert len(set(paragraphs)) == 16
    names = words_of("countries", "nationalities", "capitals", "languages")
    for paragraph in paragraphs:
        assert "\n" not in paragraph
        assert paragraph.isascii()
        assert 45 <= len(paragraph.split()) <= 70, len(paragraph.split())
        assert not [name for name in names if mentions(paragraph, name)]


ROW_CHECKS = [
    check_fields,
    check_counts,
    check_splits_share_nothing,
    check_cities_and_phrasings_are_used_equally,
    check_no_duplicates,
    check_at_most_three_cities_a_country,
    check_no_prompt_contains_an_answer,
    check_unrelated_questions_have_nothing_to_do_with_countries,
    check_target_answers_are_countries,
]


@pytest.mark.parametrize("check", ROW_CHECKS)
def test_questions(check, rows):
    check(rows)


def test_neutral_text(paragraphs):
    check_neutral_text(paragraphs)


def shorten_the_heldout(rows):
    del rows[-40:]


def end_with_a_space(rows):
    rows[3]["prompt"] += " "


def rank_on_a_heldout_city(rows):
    rows[0]["prompt"], rows[160]["prompt"] = (
        build_questions.RANKING_PHRASINGS[0].format(x="Atlantis"),
        build_questions.HELDOUT_PHRASINGS[0].format(x="Atlantis"),
    )


def rank_with_a_heldout_phrasing(rows):
    rows[0]["prompt"] = build_questions.HELDOUT_PHRASINGS[0].format(x="Atlantis")


def use_a_phrasing_twice(rows):
    rows[160]["prompt"] = rows[161]["prompt"]


def repeat_a_prompt(rows):
    rows[-1]["prompt"] = rows[-2]["prompt"].upper()


def repeat_an_answer(rows):
    rows[-1]["answers"] *= 2


def add_a_fourth_city(rows):
    for i in range(0, 8, 2):
        rows[i]["answers"] = rows[i + 1]["answers"] = ["France"]


def tell_the_answer(rows):
    rows[-1]["prompt"] = f"Say {rows[-1]['answers'][0]}:"


def ask_about_a_nationality(rows):
    rows[-1]["prompt"] = "The Peruvian flag is red and"


def ask_about_a_city(rows):
    rows[-1]["answers"] = [taken_apart(rows[:1])[0][0]]


def answer_with_something_else(rows):
    rows[0]["answers"] = ["Atlantis"]


@pytest.mark.parametrize(
    ("check", "breakage"),
    [
        (check_fields, end_with_a_space),
        (check_counts, shorten_the_heldout),
        (check_splits_share_nothing, rank_on_a_heldout_city),
        (check_splits_share_nothing, rank_with_a_heldout_phrasing),
        (check_cities_and_phrasings_are_used_equally, use_a_phrasing_twice),
        (check_no_duplicates, repeat_a_prompt),
        (check_no_duplicates, repeat_an_answer),
        (check_at_most_three_cities_a_country, add_a_fourth_city),
        (check_no_prompt_contains_an_answer, tell_the_answer),
        (check_unrelated_questions_have_nothing_to_do_with_countries, ask_about_a_nationality),
        (check_unrelated_questions_have_nothing_to_do_with_countries, ask_about_a_city),
        (check_target_answers_are_countries, answer_with_something_else),
    ],
)
def test_a_check_notices_broken_questions(check, breakage, rows):
    breakage(rows)
    with pytest.raises(AssertionError):
        check(rows)


@pytest.mark.parametrize("text", ["Too short.", "She came from Peru. " * 13, "Ça va bien. " * 18])
def test_the_check_notices_broken_neutral_text(text, paragraphs):
    paragraphs[5] = text.strip()
    with pytest.raises(AssertionError):
        check_neutral_text(paragraphs)


def test_answers_are_found_as_whole_words():
    assert mentions("It is in the U.K., I think.", "UK")
    assert mentions("the\nUnited  STATES of", "United States")
    assert not mentions("Nigeria.", "Niger")


def test_the_packages_still_give_the_same_questions():
    for package, version in build_questions.PACKAGES.items():
        try:
            found = metadata.version(package)
        except metadata.PackageNotFoundError:
            pytest.skip(f"{package} is not installed; the `data` extra has it")
        if found != version:
            pytest.skip(f"{package} is {found}, the questions were made with {version}")
    assert build_questions.build() == (TASKS / "countries_qa.jsonl").read_text(encoding="utf-8")
