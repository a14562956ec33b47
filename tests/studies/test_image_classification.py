from dataclasses import replace

import pytest
from PIL import Image

from headpursuit.heads import Edit
from headpursuit.media import ImagePrompt, ImageQuestion, ImageSet, LabelledImage
from headpursuit.studies import find_task, image_classification, load_task, usual_config
from headpursuit.studies.figures.summaries import summarise
from headpursuit.studies.results import Arm, Confusion, Damage
from headpursuit.studies.tasks import Question, Task
from headpursuit.studies.text.metrics import first_named

CLASSES = {"three": ("three", "3"), "seven": ("seven", "7")}
COLOUR = ImageQuestion("Which colour is the digit?", ("red",), "colour")


def picture(name, split, label, *questions):
    return LabelledImage(name, Image.new("RGB", (4, 4), "red"), split, label, questions=questions)


IMAGES = ImageSet(
    "some/digits",
    (
        picture("a", "selection", "three", COLOUR),
        picture("b", "heldout", "seven", COLOUR, ImageQuestion("One less than eight?", ("7",), "sums")),
        picture("c", "heldout", "three"),
    ),
    CLASSES,
    "Which digit is this?",
)


def test_target_questions_ask_for_the_class_and_unrelated_ones_for_what_else_is_known():
    task = image_classification(IMAGES)
    assert [(q.group, q.split, q.text, q.answers, q.label, q.image_name, q.fact) for q in task.questions] == [
        ("target", "ranking", "Which digit is this?", ("three", "3"), "three", "a", "a"),
        ("unrelated", "ranking", "Which colour is the digit?", ("red",), "", "a", "a"),
        ("target", "heldout", "Which digit is this?", ("seven", "7"), "seven", "b", "b"),
        ("unrelated", "heldout", "Which colour is the digit?", ("red",), "", "b", "b"),
        ("target", "heldout", "Which digit is this?", ("three", "3"), "three", "c", "c"),
    ]
    assert all(q.prompt == ImagePrompt(q.text, IMAGES.images["abc".index(q.image_name)].image) for q in task.questions)
    assert task.ranking_prompts == (task.questions[0].prompt,)
    assert task.has_images


def test_the_concept_is_all_words_of_all_classes():
    task = image_classification(IMAGES)
    assert (task.words.name, task.words.words) == ("digits", ("three", "3", "seven", "7"))
    assert task.classes == CLASSES


def test_images_that_were_left_out_are_said():
    assert image_classification(IMAGES).remarks == ()
    skipped = tuple(f"{n}.png is damaged" for n in range(5))
    assert image_classification(replace(IMAGES, skipped=skipped)).remarks == (
        "5 images were left out, because they cannot be opened: 0.png is damaged; 1.png is damaged; 2.png is damaged; "
        "and others.",
    )


def test_words_of_several_classes_are_said():
    classes = {"swimsuit": ("Maillot", "swimsuit"), "maillot": ("maillot",), "seven": ("7",), "three": ("3",)}
    assert image_classification(replace(IMAGES, classes=classes)).remarks == (
        "Words that name several classes count for the first of them: 'maillot' (maillot, swimsuit).",
    )
    assert first_named("A maillot.", classes) == "maillot"


def test_other_questions_about_held_out_images_never_choose_a_dose():
    images = tuple(replace(i, questions=()) if i.split == "selection" else i for i in IMAGES.images)
    more = (*images, picture("d", "selection", "three"), picture("e", "selection", "seven"))
    task = image_classification(replace(IMAGES, images=more))
    split = task.split_for(sweep=True)
    assert split.heldout == task.heldout
    assert {q.group for q in split.heldout} == {"target", "unrelated"}
    assert [(q.fact, q.group) for q in split.selection] == [("d", "target")]
    assert [q.fact for q in split.questions if q.split == "ranking"] == ["a", "e"]


def test_other_questions_about_selection_images_choose_the_dose():
    images = (*IMAGES.images, picture("d", "selection", "three", COLOUR))
    split = image_classification(replace(IMAGES, images=images)).split_for(sweep=True)
    assert [(q.fact, q.group) for q in split.selection] == [("a", "unrelated"), ("d", "target"), ("d", "unrelated")]


def test_an_edit_is_grown_on_what_is_asked_about_images_that_rank_heads():
    images = (*IMAGES.images, picture("d", "selection", "three", COLOUR))
    split = image_classification(replace(IMAGES, images=images)).split_for(sweep=True, grow=True)
    assert {(q.fact, q.group) for q in split.selection} == {("d", "target"), ("d", "unrelated")}
    assert ("a", "unrelated") in {(q.fact, q.group) for q in split.questions if q.split == "ranking"}


def test_a_single_image_cannot_both_rank_heads_and_choose_the_dose():
    with pytest.raises(ValueError, match="ranking prompts about a single fact; a dose sheet needs at least two facts"):
        image_classification(IMAGES).split_for(sweep=True)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (replace(IMAGES, classes={}), "the images of some/digits have 0 classes; classifying needs at least 2"),
        (
            replace(IMAGES, images=(*IMAGES.images, picture("d", "heldout", "nine"))),
            "image d of some/digits has the label 'nine', which is none of the set's classes",
        ),
        (
            replace(IMAGES, images=(*IMAGES.images, picture("d", "heldout", None))),
            "image d of some/digits has the label None",
        ),
        (
            replace(IMAGES, classes=CLASSES | {"blank": ("\u200b",)}),
            "class 'blank' of some/digits has no word",
        ),
        (replace(IMAGES, images=IMAGES.images[1:]), "some/digits has no selection images"),
        (replace(IMAGES, images=IMAGES.images[:1]), "some/digits has no heldout images"),
    ],
)
def test_sets_that_cannot_be_classified_are_refused(images, reason):
    with pytest.raises(ValueError, match=reason):
        image_classification(images)


def test_an_image_task_needs_images_and_a_text_task_has_no_use_for_them():
    assert load_task("image-classification", IMAGES).name == "image-classification"
    with pytest.raises(ValueError, match="image-classification needs images; name a set or a folder of them with"):
        load_task("image-classification")
    with pytest.raises(ValueError, match="countries-qa asks about no images"):
        load_task("countries-qa", IMAGES)


def asked(label, number=0):
    return Question("what?", CLASSES[label], "target", "class", f"{label} {number}", "heldout", label, "name")


QUESTIONS = (asked("three"), asked("three", 1), asked("three", 2), asked("seven"))
TASK = Task("t", "numbers", QUESTIONS, (), CLASSES)


def summary(*answers):
    arms = [Arm("base", "base", Edit({}), answers, Damage(1.0, 0.0), 0)]
    return summarise(TASK, image_classification(IMAGES).words, arms, seed=0)[0]


def test_the_first_class_named_counts_and_silence_is_no_class():
    found = summary("It is three or seven.", "A 7, not a 3.", "...", "seven")
    assert found.confusion == Confusion(("three", "seven"), ((1, 1, 1), (0, 1, 0)))
    assert found.target.score.value == 0.5
    assert found.target.empty == 0.25
    assert found.target.concept_rate.value == 0.75
    assert [row[i] / sum(row) for i, row in enumerate(found.confusion.counts)] == [pytest.approx(1 / 3), 1.0]


def test_a_task_without_unrelated_questions_has_no_figures_for_them():
    assert summary("three", "three", "three", "seven").unrelated is None


def test_a_task_without_classes_has_no_confusion():
    task = replace(TASK, classes={}, questions=tuple(replace(q, label="") for q in QUESTIONS))
    arms = [Arm("base", "base", Edit({}), ("three or seven",) * 4, Damage(1.0, 0.0), 0)]
    found = summarise(task, image_classification(IMAGES).words, arms, seed=0)[0]
    assert found.confusion is None
    assert found.target.score.value == 1


def test_figures_are_those_of_the_questions_that_were_asked():
    arms = [Arm("base", "base", Edit({}), ("seven",), Damage(1.0, 0.0), 0)]
    found = summarise(TASK, image_classification(IMAGES).words, arms, 0, QUESTIONS[3:])[0]
    assert (found.target.n_questions, found.target.score.value) == (1, 1.0)


def test_a_study_s_images_are_as_many_of_each_split_as_it_asks_for():
    config = usual_config("image-classification", "m", data="digits", images=20, selection_images=10, ask="Which one?")
    task = find_task(config)
    assert {q.text for q in task.questions if q.group == "target"} == {"Which one?"}
    assert len([q for q in task.heldout if q.group == "target"]) == 20
    assert len(task.ranking_prompts) == 10
    split = task.split_for(sweep=True)
    choosing = [[q.label for q in split.questions if q.split == part and q.label] for part in ("ranking", "selection")]
    assert [len(labels) for labels in choosing] == [5, 5]
    assert sorted(choosing[0] + choosing[1]) == [str(digit) for digit in range(10)]
    assert task.words.words[:2] == ("zero", "0")
