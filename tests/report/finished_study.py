"""Finished studies as they lie on disk, made without a model."""

import io
import random
from dataclasses import replace

from PIL import Image

from headpursuit.analysis import RankConfig, RankedHead, Ranking
from headpursuit.heads import Head
from headpursuit.studies.results import (
    ArmSummary,
    Beside,
    Confusion,
    Damage,
    DoseCell,
    DoseSheet,
    DoseWord,
    Estimate,
    Example,
    GroupSummary,
    HeadNote,
    Outcome,
    StudyConfig,
    StudyResult,
    Verdict,
)
from headpursuit.studies.results.study_result import KIND
from headpursuit.studies.text.metrics import contains

CAPITALS = {
    "Kabul": "Afghanistan",
    "Seoul": "Korea",
    "Lima": "Peru",
    "Sofia": "Bulgaria",
    "Amman": "Jordan",
    "Niamey": "Niger",
    "Ottawa": "Canada",
    "Tunis": "Tunisia",
    "Cairo": "Egypt",
    "Bern": "Switzerland",
    "Oslo": "Norway",
    "Riga": "Latvia",
    "Quito": "Ecuador",
    "Accra": "Ghana",
    "Hanoi": "Vietnam",
    "Dhaka": "Bangladesh",
}
CITIES, LANDS = list(CAPITALS), list(CAPITALS.values())
PLURALS = {
    "cat": "cats",
    "baby": "babies",
    "leaf": "leaves",
    "child": "children",
    "box": "boxes",
    "man": "men",
}


BASE = 0.46, 0.48
"""Contains-rates of the base on both groups."""


def estimate(value, width=0.07):
    return Estimate(value, max(0.0, value - width), min(1.0, value + width))


def group(n, contains, concept_rate, base):
    change = None if base is None else Estimate(contains - base, contains - base - 0.08, contains - base + 0.08)
    return GroupSummary(
        n,
        estimate(contains),
        estimate(contains / 3),
        estimate(contains / 2),
        estimate(concept_rate),
        0.01,
        0.02,
        change,
    )


def ranking(head_counts=(9,) * 30, score="specificity", model="smollm2-135m", concept="countries", seed=3):
    rng = random.Random(seed)
    entries = []
    for layer, count in enumerate(head_counts):
        for index in range(count):
            null = 0.5 if layer == 0 else 0.06
            gain = rng.gauss(0.01, 0.015) + (0.3 * rng.random() ** 14 if layer > len(head_counts) / 2 else 0)
            entries.append(RankedHead(Head(layer, index), min(1.0, max(0.0, null + gain)), gain, gain / 0.012))
    entries.sort(key=lambda e: (-getattr(e, score), e.head))
    tokens = tuple(f" {land}" for land in LANDS)
    return Ranking(
        concept,
        tuple(entries),
        RankConfig(score=score),
        model,
        None,
        "5f" * 32,
        tokens,
        ("Papua New Guinea", "Côte d'Ivoire"),
    )


def arm(name, kind, heads, target, unrelated, damage):
    before = None if kind == "base" else BASE
    return ArmSummary(
        name,
        kind,
        tuple(str(e.head) for e in heads),
        None if kind == "base" else -1.0,
        group(160, *target, before and before[0]),
        group(151, *unrelated, before and before[1]),
        Damage(*damage),
        0 if kind == "base" else 412,
    )


def arms_of(ranked, n_controls, n_edited=3):
    rng = random.Random(1)
    best = ranked.entries[:n_edited]
    arms = [
        arm("base", "base", (), (BASE[0], 0.66), (BASE[1], 0.01), (18.2, 0.0)),
        arm("edit", "edit", best, (0.04, 0.11), (0.44, 0.01), (19.4, 0.081)),
    ]
    for kind in ("matched", "random"):
        for i in range(1, n_controls + 1):
            rates = BASE[0] + rng.gauss(-0.04, 0.05), BASE[1] + rng.gauss(-0.02, 0.03)
            damage = 18.4 + 2 * rng.random(), 0.15 * rng.random()
            drawn = rng.sample(ranked.entries, n_edited)
            arms.append(arm(f"{kind}-{i}", kind, drawn, (rates[0], 0.6), (rates[1], 0.01), damage))
    arms.append(arm("months", "other", ranked.entries[5 : 5 + n_edited], (0.41, 0.61), (0.4, 0.01), (18.9, 0.044)))
    return tuple(arms)


def answers_for(arms, right, rng, target):
    wrong = rng.choice(LANDS) if target else "the same"
    keep = {"base": 0.5, "edit": 0.05 if target else 0.45}
    return {
        arm.name: rng.choice((f" {right}.", f" {right}. The city is the capital of {right}\nand"))
        if rng.random() < keep.get(arm.kind, 0.45)
        else rng.choice((f" {wrong}, and it is known for", " the sun.\n\nThe sun is", " a large number of people", ""))
        for arm in arms
    }


def example(prompt, right, group, subject, answers):
    scores = {arm: contains(text, (right,)) for arm, text in answers.items()}
    return Example(prompt, (right,), group, subject, answers, scores=scores)


def examples_for(arms, n_target=40, n_unrelated=20):
    rng = random.Random(2)
    rows = []
    for i in range(n_target):
        city, land = CITIES[i % len(CITIES)], LANDS[i % len(LANDS)]
        prompt = f"My friend {'ABCDEFGH'[i // len(CITIES)]} lives in {city}, which is a city in the country of"
        rows.append(example(prompt, land, "target", "countries", answers_for(arms, land, rng, True)))
    for i in range(n_unrelated):
        one, many = list(PLURALS.items())[i % len(PLURALS)]
        prompt = f"{i}. The plural of dog is dogs and the plural of {one} is"
        rows.append(example(prompt, many, "unrelated", "plurals", answers_for(arms, many, rng, False)))
    return tuple(rows)


def notes_for(ranked):
    rng = random.Random(4)
    pool = [f" {w}" for w in LANDS + CITIES] + ["ing", "\n", " the", ",", "�", " 日本", " été", "��"]
    return tuple(
        HeadNote(str(e.head), tuple(rng.sample(pool, 10)), tuple(0.05 * (i + 1) for i in range(10)))
        for e in sorted(ranked.entries, key=lambda e: e.head)
    )


def study_result(ranked=None, n_controls=5, **changes):
    ranked = ranked or ranking()
    arms = arms_of(ranked, n_controls)
    verdict = Verdict(
        Outcome.SPECIFIC,
        "These 3 heads carry the concept: rescaling them takes 91% of the correct target answers, 8% of the "
        "unrelated ones, and random heads do not do the same.",
        (
            "Target questions (contains-rate): 0.46 [0.39, 0.53] before, 0.04 [0.00, 0.11] after.",
            "Unrelated questions (contains-rate): 0.48 [0.41, 0.55] before, 0.44 [0.37, 0.51] after.",
            "5 draws of random heads of the same layers: target rate 0.45 on average (0.41 to 0.51), 0 as "
            "low as the edit's: p = 0.17 over draws.",
            "Neutral text: perplexity 1.07 times the base's, KL 0.081 nats per token.",
        ),
        beside=(Beside("matched", 5, 1, 0, 1 / 6, 0.0004), Beside("random", 5, 0, 2, 0.5, 0.012)),
    )
    fields = dict(
        config=StudyConfig("countries-qa", ranked.model, controls=n_controls),
        concept=ranked.concept,
        model_summary="30 layers of 9 heads, 64 wide: 270 heads",
        certificate="heads + bias = projection output: largest difference 2.1e-07\nscale 1: bit-equal",
        command="headpursuit study countries-qa smollm2-135m --heads 1% --scale -1 --controls 5 --seed 0",
        ranking=ranked,
        notes=notes_for(ranked),
        arms=arms,
        examples=examples_for(arms),
        verdict=verdict,
        versions={"python": "3.11.2", "torch": "2.13.0", "transformers": "5.23.0", "headpursuit": "0.1.0"},
    )
    return StudyResult(**{**fields, **changes})


def save(result, path, image_size=8):
    """Write a study as studies are written."""
    folder = KIND.begin(path, result.config)
    if any(example.thumbnail for example in result.examples):
        save_images(result, folder, image_size)
    result.ranking.save(folder / "ranking.json")
    KIND.finish(folder, result)
    return path


DIGITS = {"three": ("three", "3"), "seven": ("seven", "7"), "nine": ("nine", "9")}


def png(size=8):
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), "red").save(buffer, format="PNG")
    return buffer.getvalue()


def classification(n_images=18, unrelated=True, n_controls=2, **changes):
    """A study of images: their classes, a dose sheet, scopes and small pictures."""
    plain = study_result(n_controls=n_controls)
    arms = [replace(a, unrelated=a.unrelated if unrelated else None) for a in plain.arms]
    edit = arms[1]
    arms[2:2] = [
        replace(edit, name="edit-image", kind="image"),
        replace(edit, name="edit-text", kind="text"),
        replace(edit, name="edit-8", kind="dose", heads=tuple(f"L2H{i}" for i in range(8))),
        replace(edit, name="edit-8-matched", kind="dose", heads=tuple(f"L2H{i}" for i in range(8))),
    ]
    arms = [replace(a, confusion=confusion(i)) for i, a in enumerate(arms)]
    labels = list(DIGITS)
    counted = {a.name: float(a.name != "edit") for a in arms}
    examples = [
        Example(
            "Which digit is in the image?",
            DIGITS[labels[i % 3]],
            "target",
            "class",
            {a.name: f"It is a {labels[i % 3] if counted[a.name] else 'number'}." for a in arms},
            labels[i % 3],
            f"scan {i}",
            f"images/{i + 1:04}.png",
            counted,
        )
        for i in range(n_images)
    ]
    if unrelated:
        answers, all_right = {a.name: "red" for a in arms}, {a.name: 1.0 for a in arms}
        examples += [
            replace(
                e,
                prompt="Which colour?",
                accepted=("red",),
                group="unrelated",
                label="",
                answers=answers,
                scores=all_right,
            )
            for e in examples
        ]
    fields = dict(
        config=StudyConfig(
            "image-classification", "smollava", data="digits", chat=True, positions="generated", sweep=True
        ),
        arms=tuple(arms),
        examples=tuple(examples),
        classes=DIGITS,
        sheet=sheet(arms),
        metric="first-named",
        remarks=("One image was left out.",),
    )
    return replace(plain, **fields | changes)


def confusion(seed):
    rng = random.Random(seed)
    return Confusion(tuple(DIGITS), tuple(tuple(rng.randrange(9) for _ in range(4)) for _ in DIGITS))


def sheet(arms):
    base, edit = arms[:2]
    word = {0.0: DoseWord.TOO_WEAK, -1.0: DoseWord.GOOD, -2.0: DoseWord.OVER_INTERVENED}
    reached = {0.0: (0.2, 0.1), -1.0: (0.91, 0.56), -2.0: (1.0, 4.5)}
    cells = tuple(
        DoseCell(
            n,
            scale,
            word[scale],
            ("90% of the target answers are empty",) if scale == -2 else (),
            *reached[scale],
            replace(edit, name=f"{n}x{scale:g}", kind="dose", scale=scale),
            0.42 if (n, scale) == (3, -1.0) else None,
        )
        for n in (1, 3)
        for scale in (0.0, -1.0, -2.0)
    )
    return DoseSheet(base, cells, 3, -1.0, "3 heads at scale -1 lower the target score by 91%.", ((3, -3.0),))


def save_images(result, folder, size=8):
    """The small pictures of a study, where it keeps them."""
    (folder / "images").mkdir()
    for example in result.examples:
        (folder / example.thumbnail).write_bytes(png(size))
