"""Tasks that a YAML file declares."""

import json

import pytest
import yaml

from headpursuit.studies import find_task, usual_config
from headpursuit.studies.tasks import Task, load_task
from headpursuit.studies.tasks.declarations import declared_names
from headpursuit.studies.tasks.task import neutral_texts

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
ROWS = [{"day": day, "next": after} for day, after in zip(DAYS, DAYS[1:] + DAYS[:1], strict=True)]
TARGET = {
    "rows": ROWS,
    "prompts": {"ranking": ["The day after {day} is", "After {day} comes"], "heldout": ["{day} is followed by"]},
    "answers": "next",
    "fact": "day",
}


@pytest.fixture
def declare(tmp_path):
    """Write a declaration; keys of the target may be given, or taken away with None."""

    def write(target=None, without=(), **changes):
        content = {"concept": "weekdays", "target": TARGET, "unrelated": "none"} | changes
        if target is not None:
            merged = TARGET | target
            content["target"] = {key: value for key, value in merged.items() if value is not None}
        content = {key: value for key, value in content.items() if value is not None and key not in without}
        file = tmp_path / "my-days.yaml"
        file.write_text(yaml.safe_dump(content))
        return str(file)

    return write


@pytest.fixture
def refused(declare):
    """What a declaration is refused with."""

    def reason(**changes):
        with pytest.raises((ValueError, FileNotFoundError)) as error:
            load_task(declare(**changes))
        assert "\n" not in str(error.value)
        return str(error.value)

    return reason


def by_split(task, group="target"):
    return {
        split: {q.fact for q in task.questions if (q.split, q.group) == (split, group)}
        for split in ("ranking", "selection", "heldout")
    }


def test_a_complete_declaration_is_a_task(tmp_path):
    (tmp_path / "hues.txt").write_text("red\nblue\n")
    (tmp_path / "things.jsonl").write_text(
        "".join(
            json.dumps({"thing": thing, "colour": {"names": names}, "part": part}) + "\n"
            for thing, names, part in (
                ("the sky", ["blue", "azure"], "ranking"),
                ("the sea", ["blue"], "selection"),
                ("a rose", ["red"], "heldout"),
            )
        )
    )
    (tmp_path / "hues.yaml").write_text(
        """
        name: hues-of-things
        concept: hues.txt
        metric: exact
        direction: suppress
        target:
          data: things.jsonl
          prompts:
            ranking: ["Of which colour is {thing}?", "The colour of {thing} is"]
            heldout: "{thing} is"
          answers: colour.names
          fact: thing
          subject: colours
          split: part
        unrelated:
          rows: [{city: Paris, country: France}, {city: Rome, country: Italy}]
          prompts: "{city} lies in"
          answers: country
          split: city_split
        settings:
          model: smollm2-135m
          max_new_tokens: 5
        """.replace("Paris,", "Paris, city_split: heldout,").replace("Rome,", "Rome, city_split: selection,")
    )
    task = load_task(str(tmp_path / "hues.yaml"))
    assert (task.name, task.metric, task.direction, task.scorer) == ("hues-of-things", "exact", "suppress", "words")
    assert (task.words.name, task.words.words) == ("hues", ("red", "blue"))
    assert task.neutral_texts == neutral_texts()
    assert [(q.prompt, q.answers, q.group, q.subject, q.fact, q.split) for q in task.questions] == [
        ("Of which colour is the sky?", ("blue", "azure"), "target", "colours", "the sky", "ranking"),
        ("The colour of the sky is", ("blue", "azure"), "target", "colours", "the sky", "ranking"),
        ("Of which colour is the sea?", ("blue",), "target", "colours", "the sea", "selection"),
        ("The colour of the sea is", ("blue",), "target", "colours", "the sea", "selection"),
        ("a rose is", ("red",), "target", "colours", "a rose", "heldout"),
        ("Rome lies in", ("Italy",), "unrelated", "hues-of-things", "1", "selection"),
        ("Paris lies in", ("France",), "unrelated", "hues-of-things", "0", "heldout"),
    ]


def test_facts_are_split_by_what_they_are_and_stay_when_others_are_added(declare):
    task = load_task(declare())
    split = by_split(task)
    assert split["ranking"] | split["heldout"] == set(DAYS)
    assert not split["ranking"] & split["heldout"]
    assert not split["selection"]
    more = [{"day": f"day {n}", "next": "x"} for n in range(200)]
    grown = by_split(load_task(declare({"rows": [*more, *reversed(ROWS)]})))
    assert {day for day in grown["ranking"] if day in DAYS} == split["ranking"]
    assert 70 < len(grown["ranking"]) < 136  # about half
    assert len(task.ranking_prompts) == 2 * len(split["ranking"])
    assert all(q.prompt.endswith("is followed by") for q in task.heldout)


def test_rows_of_one_fact_share_a_split_and_rows_without_a_fact_are_their_own(declare):
    rows = [{"day": day, "next": after} for day in DAYS for after in ("x", "y")]
    task = load_task(declare({"rows": rows}))
    assert len(task.questions) == len({q.prompt for q in task.questions})
    assert {q.answers for q in task.questions} == {("x", "y")}  # asked once, with the answers of both rows
    assert all(len({q.split for q in task.questions if q.fact == day}) == 1 for day in DAYS)
    assert {q.fact for q in load_task(declare({"fact": None})).questions} == {str(n) for n in range(7)}


def test_a_declaration_brings_its_defaults(declare):
    task = load_task(declare())
    assert (task.name, task.metric, task.direction, task.concept) == ("my-days", "contains", "suppress", "weekdays")
    assert {q.subject for q in task.questions} == {"my-days"}
    assert {len(q.answers) for q in task.questions} == {1}
    assert {q.answers for q in load_task(declare({"answers": None}, metric="names-concept")).questions} == {()}


@pytest.mark.parametrize("ending", ["json", "csv", "jsonl"])
def test_rows_may_stand_in_a_file_beside(declare, tmp_path, ending):
    text = {
        "json": json.dumps(ROWS),
        "jsonl": "\n".join(map(json.dumps, ROWS)),
        "csv": "day,next\n" + "\n".join(",".join(row.values()) for row in ROWS),
    }[ending]
    (tmp_path / f"days.{ending}").write_text(text)
    plain = load_task(declare())
    assert load_task(declare({"rows": None, "data": f"days.{ending}"})) == plain


def test_only_rows_that_are_kept_count(declare):
    rows = [dict(row, kind="weekend" if row["day"].startswith("S") else "work", week=1) for row in ROWS]
    split = {"rows": rows, "prompts": "{day} then"}

    def kept(**filters):
        return {q.fact for q in load_task(declare(split | filters)).questions}

    assert kept(keep={"kind": ["work"]}) == set(DAYS[:5])
    assert kept(keep={"kind": "work", "week": [1, 2]}) == set(DAYS[:5])
    assert kept(keep={"day": ["Monday", "Tuesday", "Wednesday", "Sunday"], "kind": ["work"]}) == set(DAYS[:3])


def test_rows_are_kept_by_whether_their_answers_are_words_of_a_concept(declare, tmp_path):
    (tmp_path / "late.txt").write_text("saturday\nThe Sunday\n")  # compared as answers are: no case, no articles
    days = [*ROWS, {"day": "Someday", "next": ["soon", "Sunday"]}]
    given = {"rows": days, "prompts": "{day} then"}
    late = {q.fact for q in load_task(declare(given | {"answers_in": "late.txt"})).questions}
    assert late == {"Friday", "Saturday", "Someday"}
    early = {q.fact for q in load_task(declare(given | {"answers_not_in": "late.txt"})).questions}
    assert early == {*DAYS, "Someday"} - late
    assert load_task(declare({"answers_in": "weekdays"})) == load_task(declare())


def test_a_limit_draws_facts_of_each_split_by_seed(declare):
    rows = [{"day": f"day {n}", "next": "x"} for n in range(60)]
    whole = by_split(load_task(declare({"rows": rows})))

    def drawn(seed):
        return by_split(load_task(declare({"rows": rows, "limit": 5}), seed=seed))

    first = drawn(0)
    assert (len(first["ranking"]), len(first["heldout"])) == (5, 5)
    assert all(first[split] <= whole[split] for split in whole)
    assert drawn(0) == first
    assert drawn(1) != first
    assert by_split(load_task(declare({"rows": rows, "limit": 60}))) == whole
    by_config = find_task(usual_config(declare({"rows": rows, "limit": 5}), "m", seed=1))
    assert by_split(by_config) == drawn(1)


def test_unrelated_questions_are_common_ones_or_none_or_a_group(declare):
    common = load_task(declare(unrelated="common"))
    assert load_task(declare(unrelated=None)) == common  # the default
    unrelated = [q for q in common.questions if q.group == "unrelated"]
    whole = [q for q in load_task("countries-qa").questions if q.group == "unrelated"]
    assert set(unrelated) < set(whole)
    left_out = {answer for q in set(whole) - set(unrelated) for answer in q.answers}
    assert left_out <= {*DAYS, "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
    assert {q.split for q in unrelated} == {"heldout"}
    assert by_split(load_task(declare(unrelated="none")), "unrelated") == {
        "ranking": set(),
        "selection": set(),
        "heldout": set(),
    }
    own = {"rows": [{"a": "x", "part": "heldout"}], "prompts": "{a} is", "answers": "a", "split": "part"}
    (only,) = (q for q in load_task(declare(unrelated=own)).questions if q.group == "unrelated")
    assert (only.prompt, only.answers, only.split, only.subject) == ("x is", ("x",), "heldout", "my-days")


def test_keys_that_there_are_not_are_named_with_what_was_meant(refused):
    assert "my-days.yaml: there is no key 'metrc', did you mean metric? (there is name, task, concept," in refused(
        metrc="exact"
    )
    assert "my-days.yaml, target: there is no key 'prompt', did you mean prompts? (" in refused(target={"prompt": "x"})
    group = {"rows": ROWS, "prompts": "{day}", "anwsers": "next"}
    assert "my-days.yaml, unrelated: there is no key 'anwsers', did you mean answers?" in refused(unrelated=group)
    assert "target, prompts: there is no key 'held-out', did you mean heldout?" in refused(
        target={"prompts": {"ranking": "{day}", "held-out": "{day}"}}
    )
    assert "there is no key 'zzz' (there is name" in refused(zzz=1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"metric": "contain"},
            "metric: 'contain' is none of contains, exact, f1, first-named, names-concept, concept-words, toxicity",
        ),
        ({"direction": "supress"}, "direction: 'supress' is none of suppress, enhance"),
        ({"concept": None}, "my-days.yaml declares no concept; see docs/tasks.md"),
        ({"concept": "weekdys"}, "'weekdys' is neither a built-in concept nor a file"),
        ({"target": {"prompts": None}}, "target: prompts are missing, like `prompts: The day after {day} is`"),
        ({"target": {"rows": None}}, "target: give either data (a file or hf:NAME) or rows"),
        ({"target": {"data": "days.csv"}}, "target: give either data (a file or hf:NAME) or rows"),
        (
            {"target": {"rows": None, "data": "gone.csv"}},
            "gone.csv; data are a file .jsonl, .json, .csv,",
        ),
        ({"target": {"rows": ["Monday"]}}, "target, rows: expected a list of rows, like `- {day: Monday,"),
        ({"target": {"rows": "Monday"}}, "target, rows: expected a list of rows, like `- {day: Monday,"),
        ({"target": {"answers": "after"}}, "target, row 1: there is no column 'after'; there is day, next"),
        ({"target": {"fact": "weekday"}}, "target, row 1: there is no column 'weekday'; there is day, next"),
        ({"target": {"keep": {"kind": ["x"]}}}, "target, row 1: there is no column 'kind'; there is day, next"),
        ({"target": {"prompts": "After {weekday}"}}, "there is no column 'weekday'; there is day, next"),
        ({"target": {"split": "day"}}, "target, row 1, day: 'Monday' is none of ranking, selection, heldout"),
        (
            {"target": {"prompts": {"ranking": "After {day}"}}},
            "my-days: no heldout questions are left for the target; heads are ranked on some facts and measured on",
        ),
        ({"target": {"prompts": {"heldout": "{day}"}}}, "my-days: no ranking questions are left for the target"),
        ({"target": {"keep": {"day": ["Monday"]}}}, "questions are left for the target"),
        ({"target": {"answers_in": "countries"}}, "my-days: no ranking questions are left for the target"),
        ({"unrelated": "comon"}, "unrelated: expected `common`, `none`, or a group like target, not 'comon'"),
        ({"settings": ["x"]}, "settings: expected keys with values, like `controls: 19`"),
    ],
)
def test_what_cannot_be_a_task_is_refused_by_name(refused, changes, reason):
    found = refused(**changes)
    assert reason in found, found


def test_a_missing_target_is_said(declare):
    with pytest.raises(ValueError, match="my-days.yaml declares no target; see docs/tasks.md for a complete example"):
        load_task(declare(without=("target",)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- a\n- b\n", "my.yaml: expected keys with values, found list"),
        ("weekdays", "my.yaml: expected keys with values, found str"),
        ("", "my.yaml: expected keys with values, found NoneType"),
        ("concept: [a\n", "my.yaml cannot be read as YAML: "),
    ],
)
def test_what_is_no_mapping_is_refused(tmp_path, text, reason):
    (tmp_path / "my.yaml").write_text(text)
    for attempt in (load_task, lambda name: usual_config(name, "m")):
        with pytest.raises(ValueError, match=reason):
            attempt(str(tmp_path / "my.yaml"))


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no task file .*gone.yaml"):
        usual_config(str(tmp_path / "gone.yaml"), "m")


FROM_THE_HUB = ("tet", "triviaqa")
"""Their rows are read from fixtures in test_shipped.py."""


@pytest.mark.parametrize("name", [n for n in declared_names() if n not in FROM_THE_HUB])
def test_every_shipped_declaration_is_a_task(name):
    task = load_task(name)
    assert isinstance(task, Task)
    assert task.name == name
    assert task.words.words
    sweeping = task.split_for(sweep=True)
    assert sweeping.ranking_prompts
    assert {q.group for q in sweeping.selection} >= {"target"}
    assert usual_config(name, "m").task == name


def test_the_countries_are_a_declaration_too():
    task = load_task("countries-qa")
    assert (task.concept, task.metric, task.direction) == ("countries", "contains", "suppress")
    assert usual_config("countries-qa", "m").sweep is False


def test_a_scorer_is_the_task_s_or_the_user_s(declare):
    file = declare(metric="positive", scorer="vader")
    assert load_task(file).scorer == "vader"
    assert load_task(file, scorer="words").scorer == "words"
    assert find_task(usual_config(file, "m", scorer="words")).scorer == "words"


PARAPHRASE = {"prompts": "One day more than {day} is"}


def test_rungs_take_from_the_target_what_they_do_not_say_and_are_held_out(declare):
    french = {"rows": [{"jour": "lundi", "suivant": "mardi"}], "prompts": "Après {jour} vient", "answers": "suivant"}
    rungs = {"other words": PARAPHRASE, "French": french, "months": {"task": "months"}}
    task = load_task(declare(rungs=rungs))
    by_name = {rung.name: rung for rung in task.rungs}
    words, abroad, sibling = (by_name[name] for name in rungs)
    assert {q.fact for q in words.questions} == by_split(task)["heldout"]
    assert words.questions[0].answers == next(q.answers for q in task.heldout if q.fact == words.questions[0].fact)
    assert [(q.text, q.answers, q.split) for q in abroad.questions] == [("Après lundi vient", ("mardi",), "heldout")]
    months = load_task("months")
    assert [q.text for q in sibling.questions] == [q.text for q in months.heldout if q.group == "target"]
    assert [rung.is_sibling for rung in (words, abroad, sibling)] == [False, False, True]
    assert not {q.text for q in words.questions} & {q.text for q in task.questions}


@pytest.mark.parametrize(
    ("rung", "reason"),
    [
        ({"task": "years"}, "rungs, other: there is no task 'years'"),
        ({"task": "months", "sibling": True}, "rungs, other: a task brings everything; leave sibling out"),
        ({"sibling": "yes", **PARAPHRASE}, "rungs, other, sibling: expected true or false, not 'yes'"),
        ({"promts": "After {day}"}, "rungs, other: there is no key 'promts', did you mean prompts?"),
        ({"prompts": "After {month} comes"}, "rungs, other: the template 'After {month} comes' cannot be filled"),
        ({"keep": {"day": ["Someday"]}, **PARAPHRASE}, "rungs, other: no questions are left"),
    ],
)
def test_rungs_that_cannot_be_asked_are_refused(refused, rung, reason):
    assert reason in refused(rungs={"other": rung})


def test_rungs_are_names_with_what_is_asked(refused):
    assert "rungs: expected names with a task or a group each, not ['months']" in refused(rungs=["months"])
