"""Writes the further unrelated questions, which screens and studies by effect ask beside those of `countries-qa`.

    python tools/build_unrelated.py            write them
    python tools/build_unrelated.py --check    write nothing; exit 1 if it differs

How they are made:

1. The nine subjects of `build_questions.py` get facts that are not asked there, in the same words. Edits are grown on
   them (`ranking`).
2. Ten new subjects have fifteen facts each. A seeded shuffle deals them out: edits are grown on a third, finalists
   answer another (`selection`), and the rest is held out.

Subjects, wordings and the further facts of old subjects were chosen from several candidates by the answers of the
unedited SmolLM2-135M-Instruct alone (5 greedy tokens, without chat template), which are right for most facts of every
subject. Everything is a short list by hand: no package at hand knows these, or they are too few to need one.
"""

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from build_questions import question

TARGET = Path(__file__).parents[1] / "src" / "headpursuit" / "studies" / "tasks" / "unrelated.jsonl"
SEED = 20240
DEALT = ("ranking", "selection", "heldout")

# Further facts of the subjects that there are, with every accepted answer.
FURTHER = {
    "elements": (
        "In the periodic table, H stands for hydrogen and {x} stands for",
        {"Ar": "argon", "Br": "bromine", "Co": "cobalt", "Ni": "nickel", "Xe": "xenon"},
    ),
    "arithmetic": (
        "Question: What is {x}?\nAnswer: {x} is",
        {
            "1 plus 4": "5|five",
            "2 plus 1": "3|three",
            "10 plus 5": "15|fifteen",
            "10 times 2": "20|twenty",
            "10 times 4": "40|forty",
        },
    ),
    "calendar": (
        "{x}",
        {
            "Halloween is the 31st of": "October",
            "In the calendar, the first month of the year is": "January",
            "In the year, autumn is followed by": "winter",
            "The four seasons are winter, spring, summer and": "autumn|fall",
            "The working week begins on": "Monday",
        },
    ),
    "counting": (
        "Counting in words: {x},",
        {
            "eight, seven, six": "five",
            "five, four, three": "two",
            "fifty, sixty, seventy": "eighty",
            "one, three, five": "seven",
            "twenty, thirty, forty": "fifty",
        },
    ),
    "plurals": (
        "The plural of cat is cats and the plural of {x} is",
        {"bus": "buses|busses", "glass": "glasses", "tree": "trees", "wife": "wives", "woman": "women"},
    ),
    "opposites": (
        "The opposite of {x} is",
        {"alive": "dead", "inside": "outside", "long": "short", "soft": "hard", "thick": "thin"},
    ),
    "young animals": (
        "Dogs have puppies; the baby of a {x} is called a",
        {"bison": "calf", "coyote": "pup", "ewe": "lamb", "mare": "foal|colt|filly", "penguin": "chick"},
    ),
    "past tense": (
        "Today I walk, yesterday I walked. Today I {x}, yesterday I",
        {"drink": "drank", "fall": "fell", "make": "made", "speak": "spoke", "think": "thought"},
    ),
    "comparatives": (
        "This one is {x}, but that one is even",
        {"cold": "colder", "hard": "harder", "rich": "richer", "slow": "slower", "young": "younger"},
    ),
}

NEW = {
    "participles": (
        "Every day I walk, and right now I am walking. Every day I {x}, and right now I am",
        {
            "climb": "climbing",
            "cook": "cooking",
            "dance": "dancing",
            "drink": "drinking",
            "drive": "driving",
            "jump": "jumping",
            "paint": "painting",
            "play": "playing",
            "read": "reading",
            "run": "running",
            "sing": "singing",
            "sleep": "sleeping",
            "swim": "swimming",
            "work": "working",
            "write": "writing",
        },
    ),
    "women": (
        "He is a man and she is a woman. He is a {x} and she is a",
        {
            "boy": "girl",
            "brother": "sister",
            "father": "mother",
            "gentleman": "lady|gentlewoman",
            "grandfather": "grandmother",
            "groom": "bride",
            "hero": "heroine",
            "host": "hostess",
            "husband": "wife",
            "king": "queen",
            "nephew": "niece",
            "prince": "princess",
            "son": "daughter",
            "uncle": "aunt",
            "waiter": "waitress",
        },
    ),
    "pairs": (
        "They go together like bread and butter, or like {x} and",
        {
            "bow": "arrow|arrows",
            "cup": "saucer",
            "hammer": "nail|nails|anvil",
            "hide": "seek",
            "knife": "fork",
            "lock": "key",
            "needle": "thread",
            "nuts": "bolts",
            "pen": "paper|ink|pencil",
            "pots": "pans",
            "rock": "roll",
            "salt": "pepper",
            "shoes": "socks",
            "sun": "moon",
            "thunder": "lightning",
        },
    ),
    "sayings": (
        "As the saying goes, {x}",
        {
            "a picture is worth a thousand": "words",
            "an apple a day keeps the doctor": "away",
            "better late than": "never",
            "better safe than": "sorry",
            "birds of a feather flock": "together",
            "don't judge a book by its": "cover",
            "easy come, easy": "go",
            "honesty is the best": "policy",
            "knowledge is": "power",
            "laughter is the best": "medicine",
            "necessity is the mother of": "invention",
            "no pain, no": "gain",
            "out of sight, out of": "mind",
            "practice makes": "perfect",
            "the pen is mightier than the": "sword",
        },
    ),
    "occupations": (
        "Someone who teaches is a teacher, and someone who {x} is a",
        {
            "bakes": "baker",
            "builds": "builder",
            "dances": "dancer",
            "designs": "designer",
            "drives": "driver",
            "farms": "farmer",
            "hunts": "hunter",
            "leads": "leader",
            "manages": "manager",
            "paints": "painter",
            "reads": "reader",
            "runs": "runner",
            "sings": "singer",
            "swims": "swimmer",
            "writes": "writer|author",
        },
    ),
    "alphabet": (
        "Letters in order: {x},",
        {
            "B, C, D": "E",
            "C, D, E": "F",
            "D, E, F": "G",
            "E, F, G": "H",
            "H, I, J": "K",
            "J, K, L": "M",
            "K, L, M": "N",
            "M, N, O": "P",
            "N, O, P": "Q",
            "O, P, Q": "R",
            "P, Q, R": "S",
            "R, S, T": "U",
            "T, U, V": "W",
            "U, V, W": "X",
            "W, X, Y": "Z",
        },
    ),
    "first letters": (
        "The word dog begins with D, and the word {x} begins with",
        {
            "bread": "B",
            "fire": "F",
            "garden": "G",
            "house": "H",
            "king": "K",
            "lamp": "L",
            "money": "M",
            "number": "N",
            "paper": "P",
            "river": "R",
            "school": "S",
            "table": "T",
            "tree": "T",
            "voice": "V",
            "window": "W",
        },
    ),
    "units": (
        "{x}",
        {
            "A byte is eight": "bits",
            "A century is one hundred": "years",
            "A day has twenty-four": "hours",
            "A decade is ten": "years",
            "A dollar is one hundred": "cents|pennies",
            "A foot is twelve": "inches",
            "A kilogram is one thousand": "grams|grammes",
            "A kilometre is one thousand": "metres|meters",
            "A leap year has 366": "days",
            "A metre is one hundred": "centimetres|centimeters",
            "A minute has sixty": "seconds",
            "A pound is sixteen": "ounces",
            "A week has seven": "days",
            "A year has twelve": "months",
            "An hour has sixty": "minutes",
        },
    ),
    "categories": (
        "A hammer is a kind of tool, and a {x} is a kind of",
        {
            "banana": "fruit",
            "car": "vehicle",
            "carrot": "vegetable|plant",
            "daisy": "flower|plant",
            "mosquito": "insect|fly",
            "piano": "instrument|musical instrument",
            "pine": "tree|plant|wood",
            "pistol": "gun|weapon|firearm",
            "poodle": "dog",
            "potato": "vegetable|plant|food",
            "rose": "flower|plant",
            "shirt": "clothing|garment",
            "sparrow": "bird",
            "tulip": "flower|plant",
            "violin": "instrument|musical instrument",
        },
    ),
    "tools": (
        "You write with a pen, and you {x} with a",
        {
            "brush your teeth": "toothbrush",
            "call a friend": "phone|telephone",
            "cut bread": "knife",
            "cut down a tree": "saw|axe|chainsaw",
            "dig": "shovel|spade",
            "draw": "pencil|crayon",
            "eat soup": "spoon",
            "hit nails": "hammer",
            "light a fire": "match|lighter|torch",
            "measure a length": "ruler|tape measure|tape",
            "open a door": "key",
            "paint": "brush|paintbrush",
            "sew": "needle|thread",
            "sweep": "broom|brush",
            "take pictures": "camera",
        },
    ),
}


def rows() -> Iterator[dict]:
    """Every question, subject by subject."""
    for subject, (wording, facts) in FURTHER.items():
        yield from (_row(subject, wording, x, facts[x], "ranking") for x in facts)
    rng = random.Random(SEED)
    for subject, (wording, facts) in NEW.items():
        shuffled = rng.sample(list(facts), len(facts))
        yield from (_row(subject, wording, x, facts[x], DEALT[i % len(DEALT)]) for i, x in enumerate(shuffled))


def _row(subject: str, wording: str, x: str, answers: str, split: str) -> dict:
    return question(wording.format(x=x), answers.split("|"), subject, split=split)


def build() -> str:
    """The whole file."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows())


def main() -> int:
    """Writes the file, or compares it with the lists."""
    parser = argparse.ArgumentParser(description="Writes the further unrelated questions.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if it differs")
    text = build()
    if parser.parse_args().check:
        if TARGET.exists() and TARGET.read_bytes().decode("utf-8") == text:
            return 0
        print(f"{TARGET.name} differs from the lists; write it again", file=sys.stderr)
        return 1
    TARGET.write_text(text, encoding="utf-8", newline="\n")
    for (split, subject), n in Counter((row["split"], row["subject"]) for row in rows()).items():
        print(f"{n:4}  {split}  {subject}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
