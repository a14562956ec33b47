"""Rankers compared on a tiny model whose own answers are the accepted ones."""

import json
from contextlib import contextmanager
from dataclasses import replace

import pytest
import tiny

from headpursuit.analysis import RankConfig
from headpursuit.concepts import Concept
from headpursuit.heads import Edit, Head
from headpursuit.models import answer
from headpursuit.records import from_record, to_record
from headpursuit.storage import read_json
from headpursuit.studies import StudyConfig
from headpursuit.studies.experiments.rankers import RankersConfig, RankersResult, compare_rankers
from headpursuit.studies.experiments.rankers.judging import places
from headpursuit.studies.experiments.rankers.settings import command
from headpursuit.studies.figures.statistics import bootstrap
from headpursuit.studies.figures.summaries import summarise
from headpursuit.studies.measures import AnswerMeasure
from headpursuit.studies.results import Arm
from headpursuit.studies.steps import arms as running
from headpursuit.studies.tasks import Question, Task
from headpursuit.studies.text.metrics import contains
from headpursuit.studies.text.scoring import METRICS

JUDGED = AnswerMeasure(METRICS["contains"])

RANKERS = [
    "specificity",
    "logit-lens",
    "linear-probe",
    "nonlinear-probe",
    "gradient-answer",
    "random",
]
SCALES = (-2, 0)
STUDY = StudyConfig("tiny", "tiny", max_new_tokens=3)


def prompt(number):
    return tiny.text_of([5 + number, 40 + 7 * number, 100 + 3 * number])


def tiny_task(model, name="tiny", first=0, *, knows_others=False):
    """Unrelated questions count for damage only if the model knows them."""
    prompts = [prompt(first + i) for i in range(24)]
    said = [text.split()[0] for text in answer(model, prompts, max_new_tokens=3)]
    questions = [
        Question(
            text,
            (word,) if i < 18 or knows_others else ("w7",),
            "unrelated" if i >= 18 else "target",
            "subject",
            f"fact {i // 2}",
            "ranking" if i < 8 else "heldout",
        )
        for i, (text, word) in enumerate(zip(prompts, said, strict=True))
    ]
    words = Concept("said", tuple(dict.fromkeys([*said[:8], "w20", "w61", "w133"])))
    return Task(name, words, tuple(questions), ("w11 w12 w13 w14", "w90 w91 w92"))


@pytest.fixture(scope="module")
def model():
    return tiny.word_model()


@pytest.fixture(scope="module")
def task(model):
    return tiny_task(model)


def tiny_config(**changes):
    usual = RankersConfig(
        ("tiny",),
        "tiny",
        rankers=tuple(RANKERS[1:]),
        heads=("1", "3"),
        scales=(-2.0, 0.0),
        draws=2,
        generate=True,
        oracle=False,
        ranking=RankConfig(n_draws=3),
    )
    return replace(usual, **changes)


@contextmanager
def noting(stop=0):
    """What arms are run and what each is asked, in order; interrupted at the given one."""
    begun, run = [], running.ArmRunner.run

    def noted(self, name, kind, edit):
        begun.append((name, edit, tuple(q.prompt for q in self._questions)))
        if len(begun) == stop:
            raise KeyboardInterrupt
        return run(self, name, kind, edit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running.ArmRunner, "run", noted)
        yield begun


def compared(model, task, path, config=None, **options):
    return compare_rankers(model, config or tiny_config(), path, tasks=[task], studies=[STUDY], **options)


@pytest.fixture(scope="module")
def finished(model, task, tmp_path_factory):
    folder, told = tmp_path_factory.mktemp("finished") / "rankers", []
    with noting() as begun:
        result = compared(model, task, folder, progress=lambda *stage: told.append(stage))
    return result, folder, begun, told


def arms_in(folder):
    return [from_record(Arm, read_json(file)) for file in sorted((folder / "tiny" / "arms").glob("*.json"))]


def test_every_ranker_has_a_figure_at_every_number_of_heads(finished):
    (found,) = finished[0].tasks
    assert [row.ranker for row in found.rows] == RANKERS
    for row in found.rows:
        assert [figure.n_heads for figure in row.figures] == [1, 3]
        assert len(row.top) == 3
    assert (found.n_ranking_prompts, found.n_target, found.n_unrelated) == (8, 10, 6)
    assert found.base.value == 1
    assert found.left_out == {}


def test_heads_are_ranked_on_ranking_prompts_and_measured_on_held_out_ones(finished, task):
    asked = {prompts for _, _, prompts in finished[2]}
    assert asked == {tuple(q.prompt for q in task.heldout)}
    assert not {q.prompt for q in task.ranking_questions} & set(*asked)
    manifest = read_json(finished[1] / "tiny" / "capture" / "manifest.json")
    assert manifest["n_prompts"] == 8


def test_the_base_and_every_set_of_heads_are_run_once(finished):
    edits = [edit for _, edit, _ in finished[2]]
    assert edits[0] == Edit({})
    assert len(set(edits)) == len(edits)
    best = {tuple(sorted(row.top[:1])) for row in finished[0].tasks[0].rows}
    assert len(best) < len(RANKERS)  # some rankers agree, so that there is something to save
    for row in finished[0].tasks[0].rows:
        for count in (1, 3):
            for scale in SCALES:
                assert Edit.uniform(map(Head.parse, row.top[:count]), scale) in edits


def test_a_figure_is_the_largest_effect_of_whole_cells(finished, task):
    result, folder, _, _ = finished
    arms = {arm.edit: arm for arm in arms_in(folder)}
    base, *others = summarise(task, task.words, [arms[Edit({})], *arms.values()], 0)
    by_edit = dict(zip(arms, others, strict=True))
    seen_broken = seen_choice = False
    for row in result.tasks[0].rows[:-1]:
        for figure in row.figures:
            edits = [Edit.uniform(map(Head.parse, row.top[: figure.n_heads]), scale) for scale in SCALES]
            falls = {
                next(iter(e.values())): JUDGED.effect(base, by_edit[e])
                for e in edits
                if not JUDGED.breaks(base, by_edit[e])
            }
            seen_broken |= len(falls) < len(SCALES)
            seen_choice |= len(set(falls.values())) > 1
            assert figure.effect.value == pytest.approx(max(falls.values(), default=0.0))
            assert figure.scale == (max(falls, key=falls.get) if falls else None)
            assert (figure.n_broken, figure.n_draws) == (int(not falls), 1)
    assert seen_broken
    assert seen_choice


def test_where_every_scale_breaks_something_nothing_is_edited(model, tmp_path):
    config = tiny_config(rankers=("random",), heads=("1",), scales=(-20.0,))
    result = compared(model, tiny_task(model, knows_others=True), tmp_path / "rankers", config)
    for row in result.tasks[0].rows:
        (figure,) = row.figures
        assert (figure.n_broken, figure.scale) == (figure.n_draws, None)
        assert (figure.effect.value, figure.effect.low, figure.effect.high) == (0, 0, 0)
    assert all(cell.signs and cell.effect > 0.5 for cell in result.tasks[0].cells)


def test_random_heads_are_the_mean_of_several_draws(finished, task):
    result, folder, _, _ = finished
    scores = read_json(folder / "tiny" / "scores" / "random.json")["scores"]
    assert len(scores) == 2
    assert scores[0] != scores[1]
    arms = {arm.edit: arm for arm in arms_in(folder)}
    base, *others = summarise(task, task.words, [arms[Edit({})], *arms.values()], 0)
    by_edit = dict(zip(arms, others, strict=True))
    values = []
    for draw in scores:
        order = sorted(draw, key=lambda name: (-draw[name], Head.parse(name)))
        edits = [by_edit[Edit.uniform(map(Head.parse, order[:1]), scale)] for scale in SCALES]
        values.append(max((JUDGED.effect(base, arm) for arm in edits if not JUDGED.breaks(base, arm)), default=0.0))
    figure = result.tasks[0].rows[-1].figures[0]
    assert figure.effect.value == pytest.approx(sum(values) / 2)
    assert (figure.scale, figure.n_draws) == (None, 2)


def test_differences_are_paired_with_the_default(finished):
    (found,) = finished[0].tasks
    default = found.rows[0]
    assert default.better is None
    assert all(figure.better is None for figure in default.figures)
    for row in found.rows[1:]:
        assert row.better.value == pytest.approx(row.mean.value - default.mean.value)
        assert row.mean.value == pytest.approx(sum(f.effect.value for f in row.figures) / 2)
        for figure, usual in zip(row.figures, default.figures, strict=True):
            assert figure.better.value == pytest.approx(figure.effect.value - usual.effect.value)
            assert figure.better.low <= figure.better.value <= figure.better.high
            if set(row.top[: figure.n_heads]) == set(default.top[: figure.n_heads]):
                assert (figure.better.low, figure.better.high) == (0, 0)  # the same heads on the same questions


def test_the_interval_of_a_difference_is_that_of_the_questions_differences(finished, task):
    """The base knows every target question and nobody falls silent, so that effects are means over questions."""
    result, folder, _, _ = finished
    arms = {arm.edit: arm for arm in arms_in(folder)}
    asked = [i for i, q in enumerate(task.heldout) if q.group == "target"]
    facts, wide = [task.heldout[i].fact for i in asked], 0
    default, *others = result.tasks[0].rows[:-1]

    def lost(row, figure):
        answers = arms[Edit.uniform(map(Head.parse, row.top[: figure.n_heads]), figure.scale)].answers
        return [1 - contains(answers[i], task.heldout[i].answers) for i in asked]

    for row in others:
        for figure, usual in zip(row.figures, default.figures, strict=True):
            if figure.scale is not None and usual.scale is not None:
                differences = [a - b for a, b in zip(lost(row, figure), lost(default, usual), strict=True)]
                expected = bootstrap(differences, facts, 0, fraction=False)
                assert (figure.better.low, figure.better.high) == pytest.approx((expected.low, expected.high))
                wide += expected.low < expected.high
    assert wide


def test_overlap_is_the_share_of_heads_in_common(finished):
    (found,) = finished[0].tasks
    overlap = found.overlap
    assert overlap.rankers == tuple(RANKERS[:-1])
    assert overlap.n_heads == 3
    assert overlap.by_chance == 3 / 12
    top = {row.ranker: set(row.top) for row in found.rows}
    for i, one in enumerate(overlap.rankers):
        for j, other in enumerate(overlap.rankers):
            assert overlap.shared[i][j] == pytest.approx(len(top[one] & top[other]) / 3)


def test_sentences_speak_of_the_default_and_of_linearity(finished):
    (found,) = finished[0].tasks
    best, better, linear, few = found.sentences
    assert few.startswith("Only 10 target and 6 unrelated questions are held out")
    assert "specificity, the default, " in best
    assert "; random heads " in best
    assert "Of 4 comparisons, about 0.1 would lie above 0" in better
    assert linear.startswith("Linear methods lose")
    assert "the effect of the nonlinear probe's heads minus" in linear
    assert finished[0].sentences == ()


def test_a_finished_comparison_comes_back_equal_and_repeats_exactly(finished, model, task, tmp_path):
    result, folder, _, _ = finished
    assert RankersResult.load(folder) == result
    again = compared(model, task, tmp_path / "rankers")
    assert replace(again, seconds={}) == replace(result, seconds={})
    assert (tmp_path / "rankers" / "result.json").read_bytes() == (folder / "result.json").read_bytes()
    assert set(result.seconds) == set(RANKERS)


def test_an_interrupted_comparison_goes_on_where_it_stopped(finished, model, task, tmp_path, monkeypatch):
    with noting(stop=3), pytest.raises(KeyboardInterrupt):
        compared(model, task, tmp_path / "rankers")
    monkeypatch.setattr("headpursuit.studies.steps.ranked.capture", None)  # made before
    monkeypatch.setattr(
        "headpursuit.studies.experiments.rankers.measuring._scored", lambda *_: pytest.fail("scored again")
    )
    with noting() as begun:
        result = compared(model, task, tmp_path / "rankers", resume=True)
    assert [name for name, _, _ in begun] == [name for name, _, _ in finished[2]][2:]
    assert replace(result, seconds={}) == replace(finished[0], seconds={})


def test_other_questions_cannot_go_on(model, task, tmp_path):
    with noting(stop=2), pytest.raises(KeyboardInterrupt):
        compared(model, task, tmp_path / "rankers")
    with pytest.raises(ValueError, match="begun with other questions"):
        compared(model, replace(task, questions=task.questions[1:]), tmp_path / "rankers", resume=True)


def test_a_screen_asks_some_questions_of_each_group(model, task, tmp_path):
    config = tiny_config(questions=4, rankers=("random",), heads=("1",), scales=(-20.0,))
    with noting() as begun:
        result = compared(model, task, tmp_path / "rankers", config)
    (asked,) = {prompts for _, _, prompts in begun}
    assert len(asked) == 8
    assert set(asked) < {q.prompt for q in task.heldout}
    assert (result.tasks[0].n_target, result.tasks[0].n_unrelated) == (4, 4)


def test_several_tasks_are_averaged(model, task, tmp_path):
    tasks = [task, tiny_task(model, "other", 3)]
    config = tiny_config(tasks=("tiny", "other"), heads=("1",), scales=(-20.0,))
    result = compare_rankers(model, config, tmp_path / "rankers", tasks=tasks, studies=[STUDY, STUDY])
    assert [t.task for t in result.tasks] == ["tiny", "other"]
    for i, name in enumerate(RANKERS):
        effects = [{row.ranker: row.figures[0].effect.value for row in t.rows} for t in result.tasks]
        assert result.mean_ranks[name] == pytest.approx(sum(places(e)[name] for e in effects) / 2)
        if i:
            expected = sum(e[name] - e["specificity"] for e in effects) / 2
            assert result.pooled[name].value == pytest.approx(expected)
            assert result.pooled[name].low <= expected <= result.pooled[name].high
    assert result.sentences[0].startswith("Over 2 tasks and all numbers of heads, ")
    assert (tmp_path / "rankers" / "other" / "arms").is_dir()
    assert RankersResult.load(tmp_path / "rankers") == result


def test_rankers_that_do_not_suit_are_left_out_and_named(model, task, tmp_path):
    one_fact = tuple(replace(q, fact="one") if q.split == "ranking" else q for q in task.questions)
    result = compared(model, replace(task, questions=one_fact), tmp_path / "rankers")
    (found,) = result.tasks
    assert found.left_out.keys() == {"linear-probe", "nonlinear-probe"}
    assert "ask for 1 fact" in found.left_out["linear-probe"]
    assert "linear-probe" not in {row.ranker for row in found.rows}
    assert found.contrasts == ()


def test_where_nothing_beside_the_default_suits_there_is_no_result(model, task, tmp_path):
    unknown = tuple(replace(q, answers=()) if q.split == "ranking" else q for q in task.questions)
    silent = replace(task, questions=unknown, metric="names-concept")
    reason = "tiny: nothing can be compared with specificity; alignment: the right answers of its ranking prompts"
    with pytest.raises(ValueError, match=reason):
        compared(model, silent, tmp_path / "rankers", tiny_config(rankers=("alignment",)))
    assert not (tmp_path / "rankers" / "result.json").exists()


def test_a_base_that_knows_nothing_is_said_and_kept(model, task, tmp_path):
    wrong = tuple(replace(q, answers=("w7",)) for q in task.questions)
    with pytest.raises(ValueError, match="base answers 0 of 10: nothing to suppress"):
        compared(model, replace(task, questions=wrong), tmp_path / "rankers", tiny_config(rankers=("random",)))
    assert (tmp_path / "rankers" / "tiny" / "arms" / "base.json").exists()


def test_equal_effects_share_their_places():
    assert places({"a": 0.5, "b": 0.9, "c": 0.5, "d": 0.1}) == {"a": 2.5, "b": 1, "c": 2.5, "d": 4}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tasks": ()}, "there are no tasks; give a task to compare rankers on"),
        ({"tasks": ("a", "a")}, "a task is named twice"),
        ({"rankers": ("nonsense",)}, "there is no ranker 'nonsense'; there is specificity"),
        ({"heads": ()}, "there is no number of heads to edit"),
        ({"heads": ("0",)}, "'0' is no number of heads"),
        ({"scales": (1.0,)}, "scales are finite numbers other than 1"),
        ({"draws": 0}, "`draws` is 0; it must be at least 1"),
        ({"questions": -1}, "questions is -1; give a number, or 0 for all"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, reason):
    with pytest.raises(ValueError, match=reason):
        tiny_config(**changes)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (RankersConfig(("captioning",), "m"), "captions are measured in two directions"),
        (RankersConfig(("countries-qa",), "m", data="digits"), "countries-qa asks about no images"),
        (RankersConfig(("nonsense",), "m"), "there is no task 'nonsense'"),
    ],
)
def test_tasks_that_cannot_be_are_refused(config, reason):
    with pytest.raises(ValueError, match=reason):
        config.find_tasks()


def test_scales_that_go_the_wrong_way_are_refused(model, task, tmp_path):
    with pytest.raises(ValueError, match="scales of suppression are below 1, but `scales` is 0,2 for tiny"):
        compared(model, task, tmp_path / "rankers", tiny_config(scales=(0.0, 2.0)))
    enhancing = replace(task, direction="enhance")
    with pytest.raises(ValueError, match="scales of enhancement are above 1, but `scales` is "):
        compared(model, enhancing, tmp_path / "rankers", tiny_config(scales=(0.0,)))


def test_an_enhancement_counts_rises(model, task, tmp_path):
    """Half of the questions have an answer that the model does not give, so that there is something to raise."""
    odd = [replace(q, answers=("w7",)) if i % 2 else q for i, q in enumerate(task.questions)]
    enhancing = replace(task, questions=tuple(odd), direction="enhance")
    config = tiny_config(scales=(3.0,), heads=("2",), rankers=("random",))
    found = compared(model, enhancing, tmp_path / "rankers", config).tasks[0]
    arms = {arm.edit: arm for arm in arms_in(tmp_path / "rankers")}
    base, *others = summarise(enhancing, task.words, [arms[Edit({})], *arms.values()], 0)
    edit = Edit.uniform(map(Head.parse, found.rows[0].top[:2]), 3)
    arm = dict(zip(arms, others, strict=True))[edit]
    expected = 0.0 if JUDGED.breaks(base, arm) else arm.target.score.value / base.target.score.value - 1
    assert found.rows[0].figures[0].effect.value == pytest.approx(expected)
    assert found.direction == "enhance"


def test_what_the_model_cannot_do_is_refused_before_anything_is_written(model, task, tmp_path):
    with pytest.raises(ValueError, match="13 heads were asked for, but there are 12"):
        compared(model, task, tmp_path / "rankers", tiny_config(heads=("13",)))
    unranked = replace(task, questions=task.heldout)
    with pytest.raises(ValueError, match="tiny has no ranking prompts"):
        compared(model, unranked, tmp_path / "rankers")
    assert list(tmp_path.iterdir()) == []


def test_settings_come_back_from_json_and_the_command_names_them(tmp_path):
    config = tiny_config(questions=4, seed=3)
    assert from_record(RankersConfig, json.loads(json.dumps(to_record(config)))) == config
    assert command(config, tmp_path / "out") == (
        "headpursuit rankers tiny tiny --rankers "
        "logit-lens,linear-probe,nonlinear-probe,gradient-answer,random --heads 1,3 --scales -2,0 --questions 4 "
        "--generate --no-oracle --draws 2 --n-draws 3 --seed 3 -o out"
    )
