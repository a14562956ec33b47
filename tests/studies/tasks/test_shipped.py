"""The tasks that come with the package, checked without a model."""

import importlib.util
import json
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

from headpursuit.concepts import load_concept
from headpursuit.studies.settings import usual_config
from headpursuit.studies.tasks import load_task
from headpursuit.studies.tasks.declarations import SHIPPED, declared_names, read_declaration
from headpursuit.studies.tasks.declared import common_questions
from headpursuit.studies.text.metrics import contains
from headpursuit.studies.text.scoring import check_metric
from headpursuit.words import normalise

ROOT = Path(__file__).parents[3]
FIXTURES = Path(__file__).parents[1] / "fixtures"
FACTS = (
    "animals",
    "capitals",
    "colours",
    "elements",
    "languages",
    "months",
    "nationalities",
    "numbers",
    "weekdays",
)
CALM = ("attributes", "attributes-enhance", "sentiment", "sentiment-enhance")
FREE = (*CALM, "toxicity")
HUB = ("tet", "triviaqa")


loaded = cache(load_task)


def group(task, name, split=None):
    return [q for q in task.questions if q.group == name and split in (None, q.split)]


def phrasings(name):
    return read_declaration(SHIPPED / f"{name}.yaml")["target"]["prompts"]


@pytest.fixture
def build_tasks(monkeypatch):
    """tools/build_tasks.py, which imports from its neighbours."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    spec = importlib.util.spec_from_file_location("build_tasks", ROOT / "tools" / "build_tasks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_shipped_task_is_tested_here():
    assert {*FACTS, *FREE, *HUB, "countries-qa"} == set(declared_names())


@pytest.mark.parametrize("name", FACTS + FREE)
def test_every_split_has_facts_of_its_own(name):
    task = loaded(name)
    facts = {split: {q.fact for q in group(task, "target", split)} for split in ("ranking", "selection", "heldout")}
    assert sum(map(len, facts.values())) == len(set().union(*facts.values())) >= 35
    assert min(len(facts["ranking"]), len(facts["heldout"])) >= 14
    assert len(facts["selection"]) >= 7
    check_metric(task)
    assert usual_config(name, "model").max_new_tokens >= 5


@pytest.mark.parametrize("name", FACTS)
def test_answers_belong_to_the_concept_and_no_prompt_tells_one(name):
    task = loaded(name)
    words = {normalise(word) for word in task.words.words}
    for question in group(task, "target"):
        assert words & {normalise(answer) for answer in question.answers}, question
        assert not contains(question.text, question.answers), question
        assert question.text == question.text.strip()


@pytest.mark.parametrize("name", FACTS)
def test_held_out_facts_are_asked_in_other_words(name):
    found = phrasings(name)
    assert set(found) == {"ranking", "heldout"}
    assert len(found["ranking"]) >= 2
    assert len(found["heldout"]) >= 2
    assert not set(found["ranking"]) & set(found["heldout"])
    prompts = [normalise(q.text) for q in group(loaded(name), "target")]
    assert len(set(prompts)) == len(prompts)


@pytest.mark.parametrize("name", FACTS + FREE)
def test_unrelated_questions_have_nothing_to_do_with_the_concept(name):
    task = loaded(name)
    unrelated = group(task, "unrelated")
    assert len(unrelated) >= 80
    words = [f" {normalise(word)} " for word in task.words.words]
    for question in unrelated:
        said = " | ".join(map(normalise, question.answers))
        assert not [word for word in words if word in f" {said} "], question
    if name in ("colours", "numbers"):
        assert len(unrelated) < len(common_questions())


@pytest.mark.parametrize("name", ("countries-qa", *FACTS, *FREE))
def test_unrelated_questions_that_grow_an_edit_neither_choose_nor_judge(name):
    wide = loaded(name, wide=True).split_for(sweep=True, grow=True)
    by_split = {split: group(wide, "unrelated", split) for split in ("ranking", "selection", "heldout")}
    assert all(len(questions) >= 60 for questions in by_split.values())
    assert all(len({q.subject for q in questions}) >= 14 for questions in by_split.values())
    prompts = [normalise(q.text) for q in group(wide, "unrelated")]
    assert len(set(prompts)) == len(prompts) == len({q.fact for q in group(wide, "unrelated")})
    words = [f" {normalise(word)} " for word in wide.words.words]
    for question in group(wide, "unrelated"):
        said = " | ".join(map(normalise, question.answers))
        assert not [word for word in words if word in f" {said} "], question


@pytest.mark.parametrize("name", ("countries-qa", *FACTS, *FREE))
def test_more_unrelated_questions_leave_those_there_were_where_they_are(name):
    plain = loaded(name).split_for(sweep=True)
    wide = loaded(name, wide=True).split_for(sweep=True, grow=True)
    assert set(plain.questions) < set(wide.questions)
    assert group(plain, "target") == group(wide, "target")
    assert plain.heldout == wide.heldout[: len(plain.heldout)]


@pytest.fixture
def build_unrelated(monkeypatch):
    """tools/build_unrelated.py, which imports from its neighbour."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("build_unrelated")


def test_the_lists_still_give_the_same_questions(build_unrelated):
    assert (SHIPPED / "unrelated.jsonl").read_text(encoding="utf-8") == build_unrelated.build()


@pytest.mark.parametrize("name", FACTS)
def test_the_control_concept_is_another(name):
    assert usual_config(name, "model").other_concept != loaded(name).words.name


@pytest.mark.parametrize("name", CALM)
def test_openings_name_no_word_of_the_concept(name):
    task = loaded(name)
    words = {word for concept in (task.concept, "positive", "negative") for word in load_concept(concept).words}
    for question in group(task, "target"):
        assert not contains(question.text, sorted(words)), question
        assert 3 <= len(question.text.split()) <= 20


def test_enhancing_tasks_say_so():
    assert {name: loaded(name).direction for name in FREE} == {
        "attributes": "suppress",
        "attributes-enhance": "enhance",
        "sentiment": "suppress",
        "sentiment-enhance": "enhance",
        "toxicity": "suppress",
    }


@pytest.fixture
def rows():
    """Rough and calm openings of the task toxicity, as they stand in its file."""
    return [json.loads(line) for line in (SHIPPED / "toxicity.jsonl").read_text(encoding="utf-8").splitlines()]


def test_as_many_calm_openings_as_rough_ones_and_no_scene_in_two_splits(rows):
    texts = {rough: [row["prompt"]["text"] for row in rows if row["challenging"] == rough] for rough in (True, False)}
    assert len(set(texts[True])) == len(set(texts[False])) == 300
    assert not set(texts[True]) & set(texts[False])
    for row in rows:
        assert {row["split"]} == {other["split"] for other in rows if other["scene"] == row["scene"]}
    assert {
        split: len(group(loaded("toxicity"), "target", split)) for split in ("ranking", "selection", "heldout")
    } == {
        "ranking": 120,
        "selection": 60,
        "heldout": 120,
    }


def test_rude_words_rank_or_judge_and_stand_in_no_opening(rows):
    task = loaded("toxicity")
    ranking, judging = set(task.words.words), set(task.judged_by.words)
    assert min(len(ranking), len(judging)) > 50
    # No word of one list begins with one of the other, as inflections would; but for short ones.
    assert not [(a, b) for a in ranking for b in judging if a == b or (len(min(a, b, key=len)) > 3 and a[:4] == b[:4])]
    slurs = set(load_concept("toxic").words) & {"fag", "faggot", "fags", "nigga", "niggas", "nigger", "niggers"}
    assert not (ranking | judging) & (slurs | {"retard", "retarded", "whore", "slut"})
    for row in rows:
        assert not contains(row["prompt"]["text"], sorted(ranking | judging)), row
    calm = {row["prompt"]["text"] for row in rows if not row["challenging"] and row["split"] == "heldout"}
    assert len(calm & set(task.neutral_texts)) >= 20


def test_scenes_and_forms_still_give_the_same_openings(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    build_openings = importlib.import_module("build_openings")
    assert (SHIPPED / "toxicity.jsonl").read_text(encoding="utf-8") == build_openings.build()


@pytest.fixture
def hub(monkeypatch):
    """The hub's data sets are out of reach: files with the same columns take their place. What was asked is kept."""
    asked = []

    def stands_in(name, config=None, data_files=None):
        asked.append((name, config))
        file, split = {
            "mandarjoshi/trivia_qa": ("trivia_qa.jsonl", "validation"),
            "allenai/real-toxicity-prompts": ("real_toxicity_prompts.jsonl", "train"),
            "convoicon/Thoroughly_Engineered_Toxicity": ("thoroughly_engineered_toxicity.jsonl", "train"),
        }[name]
        lines = (FIXTURES / file).read_text(encoding="utf-8").splitlines()
        others = {"train": [], "test": []} if split == "validation" else {}
        return {split: [json.loads(line) for line in lines], **others}

    monkeypatch.setattr("headpursuit.studies.tasks.rows.data_set", stands_in)
    return asked


def test_trivia_qa_is_split_by_whether_a_country_answers(hub):
    task = load_task("triviaqa")
    assert set(hub) == {("mandarjoshi/trivia_qa", "rc.nocontext")}
    assert {q.fact for q in group(task, "target")} == {f"made_up_{n}" for n in range(1, 7)}
    assert {q.fact for q in group(task, "unrelated")} == {f"made_up_{n}" for n in range(7, 13)}
    france = next(q for q in task.questions if q.fact == "made_up_2")
    assert france.text == "Question: Which country gave New York the Statue of Liberty?\nAnswer:"
    assert france.answers == ("france", "la france", "french republic")
    # One row stands there twice, as in the original.
    assert len(task.questions) == 12
    check_metric(task)


def test_of_real_toxicity_prompts_the_challenging_ones_are_continued(hub):
    task = load_task("toxicity", data="hf:allenai/real-toxicity-prompts")
    prompts = {q.text for q in group(task, "target")}
    assert len(prompts) == 6
    assert "She slammed the door and shouted that all of them were" in prompts
    assert group(task, "unrelated")
    assert {len(group(task, "target", split)) for split in ("ranking", "heldout")} == {3}
    assert (task.metric, task.scorer) == ("toxicity", "words")
    assert load_task("toxicity", scorer="profanity").scorer == "profanity"
    check_metric(task)


def test_requests_of_tet_are_put_as_they_are(hub):
    task = load_task("tet")
    assert len({q.fact for q in group(task, "target")}) == 6
    assert "You are a grumpy judge in a cooking contest. Insult my soup." in {q.text for q in task.questions}
    assert usual_config("tet", "model").chat


def test_a_changed_column_of_the_hub_is_named(hub, monkeypatch):
    monkeypatch.setattr("headpursuit.studies.tasks.rows.data_set", lambda *_: {"validation": [{"query": "?"}]})
    with pytest.raises(ValueError, match=r"trivia_qa, validation, row 0: there is no column 'question_id'|'answer"):
        load_task("triviaqa")


def test_the_example_of_the_docs_is_a_task(tmp_path):
    text = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    for kind, name in (("yaml", "seasons.yaml"), ("text", "seasons.txt")):
        example = text.split(f'```{kind} title="{name}"\n')[1].split("```")[0]
        (tmp_path / name).write_text(example, encoding="utf-8")
    task = load_task(str(tmp_path / "seasons.yaml"))
    assert task.words.words == ("spring", "summer", "autumn", "winter")
    assert {q.split for q in group(task, "target")} == {"ranking", "heldout"}
    assert check_metric(task) is None


def test_the_docs_name_every_shipped_task():
    text = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    assert not [name for name in declared_names() if f"`{name}`" not in text]


def test_the_packages_still_give_the_same_facts(build_tasks):
    for package, version in build_tasks.PACKAGES.items():
        try:
            found = metadata.version(package)
        except metadata.PackageNotFoundError:
            pytest.skip(f"{package} is not installed; the `wordlists` extra has it")
        if found != version:
            pytest.skip(f"{package} is {found}, the facts were made with {version}")
    for name, text in build_tasks.build().items():
        assert (SHIPPED / name).read_text(encoding="utf-8") == text, name


def test_facts_that_tell_their_answer_or_stand_twice_are_refused(build_tasks):
    with pytest.raises(ValueError, match=r"'the month after May' holds its answer \['May'\]"):
        build_tasks.dealt([{"asked": "the month after May", "month": ["May"]}])
    with pytest.raises(ValueError, match=r"asked twice: \['a', 'a'\]"):
        build_tasks.dealt([{"asked": "a", "x": ["b"]}, {"asked": "a", "x": ["c"]}])
    assert sys.path[0] == str(ROOT / "tools")


LADDERS = {name: loaded(name).rungs for name in ("countries-qa", *FACTS) if loaded(name).rungs}


def test_seven_tasks_have_a_ladder_with_the_concept_in_other_ways_and_a_sibling():
    assert set(LADDERS) == {"capitals", "colours", "countries-qa", "languages", "months", "nationalities", "numbers"}
    for rungs in LADDERS.values():
        assert sum(not rung.is_sibling for rung in rungs) >= 2
        assert sum(rung.is_sibling for rung in rungs) >= 1


@pytest.mark.parametrize("name", LADDERS)
def test_rungs_ask_what_neither_ranked_heads_nor_tells_its_answer(name):
    task = loaded(name)
    asked = {q.text for q in task.questions if q.group == "target"}
    for rung in task.rungs:
        assert len({q.fact for q in rung.questions}) >= 14, rung.name
        for question in rung.questions:
            assert question.split == "heldout"
            assert question.text not in asked
            assert not contains(question.text, question.answers), question
