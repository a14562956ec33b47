"""Writes captions with the scores that pycocoevalcap gives them, which tests compare ours with.

    pip install pycocoevalcap==1.2 --no-deps && python tools/build_cider_scores.py

Both get the same tokens, so Java is not needed.
"""

import json
import random
from pathlib import Path

from pycocoevalcap.cider.cider import Cider

from headpursuit.studies.text.cider import tokens

OUT = Path(__file__).parents[1] / "tests" / "studies" / "cider_scores.json"

WORDS = """
a the red blue green dog cat ball star circle two three sits stands on near under it's don't small large
"""

BY_HAND = [
    (["A red circle above a blue star."], "A red circle above a blue star."),
    (["A red circle above a blue star.", "There are two shapes."], "a red star"),
    (["The dog's ball is red, isn't it?"], "It's the dog's red ball!"),
    (["one", "two words"], "one"),
    (["a dog sits on a mat", "a dog on a mat"], ""),
    (["a dog sits on a mat"], "zebra giraffe okapi quagga zebra giraffe"),
    (["the the the the"], "the the the the the the the the the the the the the the the the the the"),
    (["A man in a well-worn T-shirt (blue) eats 3,000 grapes at 10:30."], "A man eats grapes in a t-shirt at 10:30"),
]


def random_images(seed: int, n_images: int) -> list[tuple[list[str], str]]:
    """References and a caption that shares some of their words, per image."""
    rng, vocabulary = random.Random(seed), WORDS.split()

    def sentence(words: list[str]) -> str:
        return " ".join(rng.choice(words) for _ in range(rng.randint(1, 15)))

    images = []
    for _ in range(n_images):
        words = rng.sample(vocabulary, 8)
        references = [sentence(words) for _ in range(rng.randint(1, 5))]
        changed = [rng.choice(vocabulary) if rng.random() < 0.2 else word for word in rng.choice(references).split()]
        images.append((references, " ".join(changed)))
    return images


def scored(images: list[tuple[list[str], str]]) -> dict[str, object]:
    """The images with the package's scores."""
    references = {number: [" ".join(tokens(each)) for each in several] for number, (several, _) in enumerate(images)}
    captions = {number: [" ".join(tokens(caption))] for number, (_, caption) in enumerate(images)}
    _, scores = Cider().compute_score(references, captions)
    return {
        "references": [several for several, _ in images],
        "captions": [caption for _, caption in images],
        "scores": [float(score) for score in scores],
    }


if __name__ == "__main__":
    sets = [BY_HAND, random_images(0, 25), [(["a red dog", "the dog is red"], "a red dog")]]
    OUT.write_text(json.dumps([scored(images) for images in sets], indent=1, ensure_ascii=False) + "\n", "utf-8")
