"""Sentences for transcription studies: src/headpursuit/studies/tasks/spoken.jsonl.

    python tools/build_spoken.py

Each concept has words and sentences of its own for every split, and held-out ones are spoken by voices of their own.
All sentences are ours. Words that sound like others (two, four, deer) are left out.
"""

import json
from itertools import cycle
from pathlib import Path

FILE = Path(__file__).parents[1] / "src/headpursuit/studies/tasks/spoken.jsonl"

VOICES = {
    "ranking": ("en-us", "en-us+m1"),
    "selection": ("en-us+f2", "en-us+m5"),
    "heldout": ("en-us+m3", "en-us+f1", "en-us+m7"),
}
"""Of espeak-ng, for each split."""

WORDS = {
    "numbers": (
        "three seven twelve sixteen nineteen forty seventy hundred",
        "five nine thirteen seventeen thirty fifty eighty thousand",
        "six eight ten eleven fourteen fifteen eighteen twenty sixty ninety million zero",
    ),
    "colours": (
        "red brown violet silver turquoise ivory lavender maroon",
        "green purple pink gold indigo olive magenta crimson",
        "black white blue yellow orange scarlet beige coral",
    ),
    "countries": (
        "Germany Brazil Kenya Norway Mexico Portugal Vietnam Sweden",
        "France Canada Poland India Nigeria Finland Argentina Iceland",
        "Egypt Japan Spain Italy Peru Cuba Denmark Russia Ireland Morocco Thailand Australia",
    ),
    "animals": (
        "horse tiger rabbit dolphin camel spider eagle monkey",
        "elephant lion kangaroo squirrel donkey penguin turtle wolf",
        "giraffe zebra crocodile leopard hamster parrot pigeon gorilla octopus hedgehog buffalo beetle",
    ),
}
"""For ranking, selection and held-out sentences."""

SENTENCES = {
    "numbers": (
        (
            "There were {} books on the wooden shelf.",
            "She painted {} windows during the summer.",
            "The library closed {} rooms in winter.",
        ),
        (
            "The teacher counted {} children in the garden.",
            "Our cousin repaired {} bicycles last week.",
            "The baker wrapped {} loaves before breakfast.",
        ),
        (
            "We bought {} apples at the market yesterday.",
            "My brother planted {} trees behind the house.",
            "The farmer carried {} baskets across the field.",
            "The doctor visited {} villages before the storm.",
        ),
    ),
    "colours": (
        (
            "She wore a {} dress at the wedding.",
            "The painter mixed {} paint in a bucket.",
            "A {} curtain covered the kitchen window.",
        ),
        (
            "My uncle bought a {} bicycle in spring.",
            "The child drew a {} circle on paper.",
            "They found a {} ribbon inside the box.",
        ),
        (
            "The {} door of the cottage was open.",
            "He lost a {} umbrella at the station.",
            "Our teacher carried a {} bag through the garden.",
            "The sailor raised a {} flag above the castle.",
            "The waiter folded a {} napkin beside the plate.",
            "A {} blanket lay across the sofa.",
        ),
    ),
    "countries": (
        (
            "The old train slowly crossed {} at night.",
            "My teacher was born in {} many years ago.",
            "The museum borrowed a painting from {} last autumn.",
        ),
        (
            "The doctor opened a small hospital in {} again.",
            "Our cousins travelled through {} during the holidays.",
            "A famous singer moved to {} after the concert.",
        ),
        (
            "We bought fresh bread in {} last winter.",
            "My brother found good friends in {} again.",
            "The farmer sold his machines to {} in spring.",
            "The letter from {} arrived on the kitchen table.",
        ),
    ),
    "animals": (
        (
            "The {} slept under the old bridge.",
            "A small {} waited near the river.",
            "The children watched a {} behind the fence.",
        ),
        (
            "The photographer followed a {} through the valley.",
            "A hungry {} appeared beside the road.",
            "The story of the {} made everybody laugh.",
        ),
        (
            "We noticed a {} close to the village.",
            "The {} disappeared into the tall grass.",
            "My grandmother dreamed about a {} yesterday.",
            "The artist painted a {} on the wall.",
        ),
    ),
}
"""For the same splits; a braces' pair is the word."""

NEUTRAL = (
    "The bus stopped in front of the school.",
    "Please close the window before you leave.",
    "My sister plays the piano every evening.",
    "The meeting was moved to another office.",
    "He forgot his keys on the kitchen table.",
    "Rain is expected later in the afternoon.",
    "They talked about the weather for a while.",
    "The bridge was repaired during the night.",
    "She wrote a long letter to her mother.",
    "The shop on the corner sells fresh bread.",
    "Nobody answered the phone this morning.",
    "The lecture begins right after lunch.",
    "We walked along the river until sunset.",
    "The old clock stopped working again.",
    "He asked for a glass of water.",
    "The teacher explained the rule slowly.",
)


def rows() -> list[dict[str, str]]:
    """Every sentence with its word, its split and who says it."""
    found = []
    for concept, words in WORDS.items():
        for split, its_words, sentences in zip(VOICES, words, SENTENCES[concept], strict=True):
            voices = cycle(VOICES[split])
            for word in its_words.split():
                for sentence in sentences:
                    text = sentence.format(word)
                    found.append(
                        {"concept": concept, "text": text, "word": word, "voice": next(voices), "split": split}
                    )
    voices = cycle(voice for several in VOICES.values() for voice in several)
    found += [{"concept": "", "text": text, "word": "", "voice": next(voices), "split": ""} for text in NEUTRAL]
    return found


if __name__ == "__main__":
    FILE.write_text("".join(json.dumps(row) + "\n" for row in rows()), encoding="utf-8")
    print(f"{FILE.name}: {len(rows())} sentences")
