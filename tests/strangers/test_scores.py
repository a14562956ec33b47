"""Answers in many scripts, with letters, symbols and signs: right ones count as right, wrong ones as wrong."""

import re
import unicodedata
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from headpursuit.concepts import Concept
from headpursuit.heads import Edit
from headpursuit.media import load_images
from headpursuit.studies import load_task
from headpursuit.studies.experiments.captions.scoring import CaptionScorer
from headpursuit.studies.figures.summaries import summarise
from headpursuit.studies.results import Arm, Damage
from headpursuit.studies.scorers import scorer
from headpursuit.studies.tasks import Question, Task
from headpursuit.studies.text.captions import concept_places, concept_words_in, without_words
from headpursuit.studies.text.cider import Cider
from headpursuit.studies.text.metrics import contains, exact_match, f1, first_named, is_empty, repetition
from headpursuit.studies.text.scoring import score
from headpursuit.words import compared

COLOURS = Concept("colours", ("red", "blue"))


def scored(metric, answer, *accepted, concept=COLOURS, classes=None):
    """The score of one output by a task's metric; with classes, the accepted text is the label."""
    label = accepted[0] if classes else ""
    question = Question("What is it?", accepted, "target", "subject", "fact", "heldout", label)
    task = Task("tiny", concept, (question,), ("neutral",), metric=metric, classes=classes or {})
    return score(task, concept, (question,), (answer,))[0]


@pytest.mark.parametrize(
    ("accepted", "answer", "right"),
    [
        # Marks belong to their letters.
        ("दान", "यह दान है।", True),
        ("दान", "यह दिन है।", False),
        ("ไม่", "ไม่ใช่", True),
        ("ไม่", "ไม้", False),
        ("பால்", "பல்", False),
        ("မြန်မာ", "သူသည် မြန်မာ လူမျိုး", True),
        ("café", "un cafe\u0301 noir", True),
        ("cafe\u0301", "CAFÉ!", True),
        ("cafe", "café", False),
        ("Tiếng Việt", unicodedata.normalize("NFD", "tiếng việt"), True),
        # Optional marks, invisible characters, case, typography.
        ("محمد", "اسمه مُحَمَّد.", True),
        ("مُحَمَّد", "محمد", True),
        ("שלום", "שָׁלוֹמִים", False),
        ("שלום", "שָׁלוֹם לך", True),
        ("نمی\u200cخواهم", "نمیخواهم", True),
        ("Zürich", "ZÜ\u00adRICH\u200b", True),
        ("Straße", "STRASSE", True),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ", True),
        ("İstanbul", "istanbul", True),
        ("kır", "kir", False),
        ("Côte d'Ivoire", "la Côte d’Ivoire", True),
        ("Hawaiʻi", "in Hawai'i", True),
        ("Guinea-Bissau", "Guinea\u2011Bissau", True),
        ("ＮＡＴＯ", "nato", True),
        ("カタカナ", "ｶﾀｶﾅ", True),
        # Scripts without spaces.
        ("北京", "答案是北京。", True),
        ("北京", "答案是东京。", False),
        ("東京", "首都は東京です", True),
        ("กรุงเทพ", "เมืองหลวงคือกรุงเทพครับ", True),
        ("ວຽງຈັນ", "ນະຄອນຫຼວງແມ່ນວຽງຈັນ", True),
        ("ភ្នំពេញ", "រាជធានីគឺភ្នំពេញ។", True),
        ("Paris", "答案是Paris。", True),
        ("12", "2012年", False),
        # Letters that are articles.
        ("A", "A", True),
        ("A", "a", True),
        ("A", "(a)", True),
        ("A", "The answer is A.", True),
        ("A", "A or B", True),
        ("A", "It is a dog", False),
        ("A", "B", False),
        ("The", "The", True),
        ("a", "fill in a here", True),
        # Signs.
        ("✓", "✓", True),
        ("✓", "✗", False),
        ("✓", "so: ✓.", True),
        ("+", "The sign is +", True),
        ("+", "The sign is -", False),
        ("<", "3 <= 4", False),
        ("≠", "a =\u0338 b", True),
        ("😀", "😀😀", True),
        ("👨‍👩‍👧", "👨", False),
        ("🇫🇷", "🇩🇪", False),
        ("A♥", "K♥", False),
        ("A♥", "my A♥!", True),
        ("C#", "in C#, of course", True),
        ("C#", "in C++", False),
        ("C#", "in C", False),
        ("C++", "C++11", True),
        ("C++", "C#", False),
        ("C", "C#", False),
        ("C", "C++", False),
        ("C", "C.", True),
        ("F#", "F♯", True),
        ("B+", "B", False),
        ("O-", "O+", False),
        ("O-", "type O-.", True),
        ("-5", "5", False),
        ("5", "it is -5", False),
        ("-5", "it is −5 °C", True),
        ("5", "3-5", True),
        ("?", "a ?", True),
        # Decoration of an answer does not hurt.
        ("Paris", "**Paris**", True),
        ("Paris", "<b>Paris</b> 🎉", True),
        ("Paris", "#Paris", True),
        ("50", "50%", True),
        ("18", "18+ only", True),
        ("Niger", "Nigeria", False),
    ],
)
def test_an_answer_counts_where_it_is_named(accepted, answer, right):
    assert scored("contains", answer, accepted) == right
    assert scored("names-concept", answer, concept=Concept("own", (accepted,))) == right
    assert (scored("concept-words", answer, concept=Concept("own", (accepted,))) > 0) == right
    assert (scored("first-named", answer, accepted, classes={accepted: (accepted,), "no": ("zzz",)}) == 1) == right
    if not right:
        assert scored("exact", answer, accepted) == 0


@pytest.mark.parametrize(
    ("accepted", "answer", "exact", "overlap"),
    [
        ("A", "A", 1, 1),
        ("A", "A.\nBecause", 1, 1),
        ("A", "B", 0, 0),
        ("A", "the answer: a", 0, 0.5),
        ("✓", " ✓ ", 1, 1),
        ("✓", "✗", 0, 0),
        ("C#", "C++", 0, 0),
        ("北京", "北京。", 1, 1),
        ("北京市", "北京", 0, 0.8),
        ("東京", "京都", 0, 0.5),
        ("ไม่", "ไม้", 0, 0.5),
        ("दान", "दिन", 0, 0),
        ("Crème brûlée", unicodedata.normalize("NFD", "CRÈME BRÛLÉE"), 1, 1),
        ("Paris", "...\nThe\nParis", 1, 1),
    ],
)
def test_exact_answers_and_shared_words(accepted, answer, exact, overlap):
    assert scored("exact", answer, accepted) == exact
    assert scored("f1", answer, accepted) == pytest.approx(overlap)


LETTERS = {letter: (letter,) for letter in "ABCD"}
LANGUAGES = {"C": ("C",), "C#": ("C#", "C sharp"), "C++": ("C++",)}
COUNTRIES = {"印度": ("印度",), "印度尼西亚": ("印度尼西亚",)}
GRADES = {grade: (grade,) for grade in ("A", "A+", "B", "B+", "B-")}


@pytest.mark.parametrize(
    ("classes", "answer", "named"),
    [
        (LETTERS, "A or B", "A"),
        (LETTERS, "B or A", "B"),
        (LETTERS, "a", "A"),
        (LETTERS, "It is a dog, so C", "C"),
        (LETTERS, "the an", None),
        (LANGUAGES, "C#", "C#"),
        (LANGUAGES, "c++, not C", "C++"),
        (LANGUAGES, "C, not C#", "C"),
        (LANGUAGES, "c SHARP", "C#"),
        (COUNTRIES, "这是印度尼西亚。", "印度尼西亚"),
        (COUNTRIES, "这是印度。", "印度"),
        (GRADES, "an A+", "A+"),
        (GRADES, "B-", "B-"),
        (GRADES, "B", "B"),
        ({"yes": ("✓", "yes"), "no": ("✗",)}, "✗ (not ✓)", "no"),
        ({"red": ("red",), "card": ("red ♥",)}, "a red ♥", "card"),
        ({"red": ("red",), "card": ("red ♥",)}, "a red hat ♥", "red"),
        ({"yes": ("हाँ",), "no": ("नहीं",)}, "नहीं, हाँ नहीं", "no"),
    ],
)
def test_the_class_that_is_named_first(classes, answer, named):
    assert first_named(answer, classes) == named
    for label in classes:
        assert scored("exact", answer, label, classes=classes) == (label == named)


def test_letters_and_symbols_are_classes_of_images(tmp_path):
    from PIL import Image

    for label in ("A", "B", "✓", "C#"):
        for number in range(4):
            (tmp_path / label).mkdir(exist_ok=True)
            Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(tmp_path / label / f"{number}.png")
    classes = load_images(str(tmp_path)).classes
    assert first_named("A", classes) == "A"
    assert first_named("it is ✓", classes) == "✓"
    assert first_named("C", classes) is None


def test_right_answers_without_words_are_no_silence():
    rows = tuple(Question("?", (a,), "target", "subject", a, "heldout") for a in ("A", "B", "✓"))
    arms = [
        Arm("base", "base", Edit({}), ("A", "B", "✓"), Damage(1.0, 0.0), 0),
        Arm("edit", "edit", Edit({}), ("A", "A", "..."), Damage(1.0, 0.0), 0),
    ]
    base, edit = (arm.target for arm in summarise(Task("tiny", COLOURS, rows, ("neutral",)), COLOURS, arms, 0))
    assert (base.score.value, base.empty) == (1, 0)
    assert edit.score.value == edit.empty == pytest.approx(1 / 3)
    assert edit.silenced == pytest.approx(1 / 3)  # the last one only: A was said where B is right
    assert is_empty("the") and not is_empty("北") and not is_empty("दि")


@pytest.mark.parametrize("answer", ["", " ", "\u200b", "\u00ad\ufeff", "\u3164"])
@pytest.mark.parametrize("rows", ["rows", "jsonl"])
def test_an_accepted_answer_without_content_is_refused_with_its_row(tmp_path, answer, rows):
    written = answer.encode("unicode_escape").decode().replace("\\x", "\\u00")
    given = f'rows: [{{q: one, a: two}}, {{q: three, a: "{written}"}}]'
    if rows == "jsonl":
        (tmp_path / "facts.jsonl").write_text(f'{{"q": "one", "a": "two"}}\n{{"q": "three", "a": "{written}"}}\n')
        given = "data: facts.jsonl"
    file = tmp_path / "task.yaml"
    file.write_text(f"concept: colours\ntarget:\n  {given}\n  prompts: 'What is {{q}}?'\n  answers: a\n")
    with pytest.raises(ValueError, match=r"(row|line) 2.*accepted answer") as refused:
        load_task(str(file))
    assert "\n" not in str(refused.value)


def test_a_question_made_by_hand_is_refused_too():
    with pytest.raises(ValueError, match=re.escape(r"the question 'What?': the accepted answer '\u200b' is empty")):
        Question("What?", ("\u200b",), "target", "subject", "fact", "heldout")


CHINESE = (("一只黑色的猫坐在桌子上", "黑猫坐在桌上"), ("两只狗在公园里跑",), ("红色的汽车停在路边",))


@pytest.mark.parametrize(
    ("references", "near"),
    [
        (CHINESE, "一只黑猫坐在桌子上"),
        ((("แมวดำนั่งบนโต๊ะ",), ("สุนัขสองตัววิ่งในสวน",), ("รถสีแดงจอดข้างถนน",)), "แมวดำนั่งบนเก้าอี้"),
        ((("黒い猫が机の上に座っている",), ("二匹の犬が走る",), ("赤い車",)), "黒い猫が机に座っている"),
        ((("एक काली बिल्ली मेज़ पर बैठी है",), ("दो कुत्ते दौड़ रहे हैं",), ("लाल गाड़ी",)), "एक काली बिल्ली कुर्सी पर बैठी है"),
    ],
)
def test_a_caption_that_is_nearly_a_reference_scores_in_every_script(references, near):
    cider = Cider(references)
    equal, close, other = (cider.scores([text, "", ""])[0] for text in (references[0][0], near, references[1][0]))
    assert equal > close > 1
    assert other < 1
    apart = unicodedata.normalize("NFD", near)
    assert cider.scores([apart, "", ""])[0] == pytest.approx(close)


def test_captions_in_chinese_are_measured():
    colours, animals = Concept("颜色", ("黑色", "红色")), Concept("动物", ("猫", "狗"))
    questions = [Question(f"{i}", texts, "target", "caption", f"{i}", "heldout") for i, texts in enumerate(CHINESE)]
    arms = [
        Arm(name, "base", Edit({}), captions, Damage(1.0, 0.0), 0)
        for name, captions in {
            "base": ("一只黑色的猫", "狗", "红色的汽车，红色的"),
            "other": ("一只的猫", "✓", "汽车"),
        }.items()
    ]
    measured = CaptionScorer(questions, colours, (animals,), 0)
    found = measured.figures(arms[0], arms[0])
    assert measured.counts(arms[0]) == [1, 0, 2]
    assert measured.counts(arms[1]) == [0, 0, 0]
    assert found.others["动物"].value == pytest.approx(2 / 3)
    assert found.length.value == pytest.approx((6 + 1 + 8) / 3)
    assert found.cider.value > 1
    assert measured.figures(arms[1], arms[0]).empty == pytest.approx(1 / 3)
    assert without_words("一只黑色的猫", colours.words) == "一 只 的 猫"


def test_places_of_a_concept_are_those_of_the_text_as_given():
    caption = "Un cafe\u0301 NOIR, 黑色的猫 and C++!"
    words = ("café noir", "黑色", "c++")
    assert [caption[start:end] for start, end in concept_places(caption, words)] == ["cafe\u0301 NOIR", "黑色", "C++"]
    assert concept_words_in(caption, words) == ["café noir", "黑 色", "c++"]


def test_repetition_is_told_by_characters_where_words_have_no_spaces():
    assert repetition("是是是是") == pytest.approx(2 / 3)
    assert repetition("答案是北京") == 0
    assert repetition("ไม่ไม่ไม่") == pytest.approx(1 - 2 / 5)
    assert repetition("ไม่ไม้ไม๊") == pytest.approx(0)


def test_the_scorer_words_reads_what_is_decomposed_or_typographic():
    good = scorer("words", "positive")
    assert good.score(["WON\u00adDERFUL…", "wonder\u200bful", "wonder ful", "答案wonderful。"]) == [1, 1, 0, 1]


SAID = st.lists(
    st.sampled_from(
        [
            *(
                "Paris",
                "Hague",
                "a",
                "The",
                "A",
                "an",
                "C#",
                "C++",
                "C",
                "-5",
                "5",
                "✓",
                "✗",
                "A♥",
                "😀",
                ",",
                ".",
                "…",
                "(",
            ),
            *("दान", "दिन", "ไม่", "ไม้", "北京", "東京", "café", "Straße", "ΣΊΣΥΦΟΣ", "İzmir", "محمد", "مُحَمَّد"),
        ]
    ),
    min_size=1,
    max_size=5,
).map(" ".join)


@given(SAID)
def test_an_accepted_answer_is_right_itself(text):
    assert contains(text, (text,)) == exact_match(text, (text,)) == f1(text, (text,)) == 1
    assert first_named(text, {"it": (text,), "not": ("zzz",)}) == "it"
    assert not is_empty(text, (text,))


@given(st.text(min_size=1, max_size=12))
def test_any_text_with_content_is_right_itself(text):
    line = " ".join(text.split())
    assume(compared(line))
    assert contains(line, (line,)) == exact_match(line, (line,)) == f1(line, (line,)) == 1


@given(SAID, SAID, st.sampled_from(["NFC", "NFD"]), st.sampled_from(["NFC", "NFD"]))
def test_scores_do_not_depend_on_the_form(answer, accepted, one, other):
    for metric in ("contains", "exact", "f1"):
        changed = scored(metric, unicodedata.normalize(one, answer), unicodedata.normalize(other, accepted))
        assert changed == scored(metric, answer, accepted)


@given(SAID, SAID)
def test_scores_do_not_depend_on_case(answer, accepted):
    for metric in ("exact", "f1"):
        for changed in (answer.upper(), answer.lower()):
            assert scored(metric, changed, accepted) == scored(metric, answer, accepted)
    assume(not set(accepted.casefold().split()) <= {"a", "an", "the", ",", ".", "…", "("})  # letters, see Phrases
    for changed in (answer.upper(), answer.lower()):
        assert scored("contains", changed, accepted) == scored("contains", answer, accepted)


def former(text):
    """The normalisation that English was scored with before."""
    bare = re.sub(r"[^\w\s]|_", " ", text.lower())
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def former_first_line(text):
    return former(next((line for line in text.splitlines() if former(line)), ""))


def former_f1(answer, accepted):
    said, best = former_first_line(answer).split(), 0.0
    for expected in (former(a).split() for a in accepted):
        common = sum((Counter(said) & Counter(expected)).values())
        best = max(best, 2 * common / (len(said) + len(expected)) if common else 0.0)
    return best


def former_first_named(answer, classes):
    padded = f" {former(answer)} "
    found = [(padded.find(f" {former(w)} "), -len(former(w)), label) for label, ws in classes.items() for w in ws]
    return min((place for place in found if place[0] >= 0), default=(0, 0, None))[2]


def former_concept_words(text, words):
    said, found, start = former(text).split(), [], 0
    phrases = sorted({former(word) for word in words}, key=lambda phrase: -len(phrase.split()))
    while start < len(said):
        here = (p for p in phrases if said[start : start + len(p.split())] == p.split())
        found += [first] if (first := next(here, None)) else []
        start += len(first.split()) if first else 1
    return found


ENGLISH = st.lists(
    st.sampled_from(
        [
            *(
                "red",
                "blue",
                "dark",
                "light",
                "the",
                "a",
                "an",
                "The",
                "A",
                "hat's",
                "U.S.A.",
                "Guinea-Bissau",
                "e-mail",
            ),
            *("3,000", "3", "5", "50%", "$5", "x_y", "(or)", "--", "&", "/", "\n", "...", "\t", "", "18+", "2+2=4"),
        ]
    ),
    max_size=12,
).map(" ".join)
EXPECTED = st.lists(
    st.sampled_from(
        [
            "red",
            "dark red",
            "the light",
            "U.S.A.",
            "Guinea-Bissau",
            "3,000",
            "50%",
            "blue hat",
            "or",
            "mail",
            "18",
            "2 4",
        ]
    ),
    min_size=1,
    max_size=4,
)


@given(ENGLISH, EXPECTED)
def test_scores_of_plain_english_are_those_of_before(answer, accepted):
    assert contains(answer, accepted) == any(f" {former(a)} " in f" {former(answer)} " for a in accepted)
    line = former_first_line(answer)
    assert exact_match(answer, accepted) == (bool(line) and line in map(former, accepted))
    assert f1(answer, accepted) == former_f1(answer, accepted)
    assert is_empty(answer) == (not former(answer))
    classes = {f"class {i}": (word, "or") for i, word in enumerate(accepted)}
    assert first_named(answer, classes) == former_first_named(answer, classes)
    assert concept_words_in(answer, accepted) == former_concept_words(answer, accepted)
    said = former(answer).split()
    pairs = list(zip(said, said[1:], strict=False))
    assert repetition(answer) == (1 - len(set(pairs)) / len(pairs) if pairs else 0)
