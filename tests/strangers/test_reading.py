"""Files as strangers write them: read whole and exactly, or refused in one line that names the place and the remedy."""

import json
import re

import pytest
import tiny
from captured import assert_same_moments
from pictures import save_labelled, save_picture
from typed import assert_refused, run

from headpursuit.analysis import CaptureConfig, SavedEdit, capture, read_prompts
from headpursuit.concepts import Concept, load_concept
from headpursuit.conversations import Conversation, Message
from headpursuit.files import parse_json, parse_yaml
from headpursuit.media import ImagePrompt, load_images
from headpursuit.settings.chat import Chat, parse_template_args
from headpursuit.studies import load_task
from headpursuit.studies.experiments.lm_eval.result import HarnessResult
from headpursuit.studies.experiments.sensitivity.synonyms import read_synonyms
from headpursuit.studies.experiments.transfer.files import read_tasks
from headpursuit.studies.tasks.task import parse_questions

HALF = r"half a character \('\\\\?ud83d'\)"


def put(folder, name, content):
    """A file of text, of bytes, or of rows in the form that its ending asks for."""
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, encoding="utf-8", newline="")
    elif name.lower().endswith(".parquet"):
        pytest.importorskip("datasets").Dataset.from_list(content).to_parquet(path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in content))
    return path


def refused(message, read, *arguments):
    with pytest.raises((ValueError, OSError), match=message) as error:
        read(*arguments)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 700


FRANCE = "The capital of France, a country, is"
ROW = {"prompt": FRANCE}

PROMPTS_READ = {
    "a comma in quotes": ("p.csv", f'prompt\n"{FRANCE}"\n', [FRANCE]),
    "a line break in quotes": ("p.csv", 'prompt,label\n"a\nb",x\nc,y\n', ["a\nb", "c"]),
    "doubled quotes": ("p.csv", 'prompt\n"He said ""no"", then"\n', ['He said "no", then']),
    "an inch": ("p.csv", 'prompt\nThe 5" disk is\n', ['The 5" disk is']),
    "names with space around them": ("p.csv", "label , prompt\nx,a\n", ["a"]),
    "row numbers of pandas": ("p.csv", ",prompt\n0,a\n1,b\n", ["a", "b"]),
    "blank lines between": ("p.csv", "prompt\n\na\n\n\nb\n", ["a", "b"]),
    "line ends of Windows": ("p.csv", "prompt,label\r\na,x\r\nb,y\r\n", ["a", "b"]),
    "line ends of old Macs in a table": ("p.csv", "prompt,label\ra,x\rb,y\r", ["a", "b"]),
    "a mark before the first column": ("p.csv", b"\xef\xbb\xbfprompt\na\n", ["a"]),
    "tabs": ("p.tsv", f"label\tprompt\nx\t{FRANCE}\n", [FRANCE]),
    "capitals": ("P.CSV", "prompt\na\n", ["a"]),
    "text in capitals": ("P.TXT", "a\nb", ["a", "b"]),
    "lines in capitals": ("P.JSONL", [ROW], [FRANCE]),
    "a list": ("p.json", json.dumps([ROW, {"prompt": "b"}]), [FRANCE, "b"]),
    "Parquet": ("p.parquet", [ROW, {"prompt": "b"}], [FRANCE, "b"]),
    "a whole emoji": ("p.jsonl", '{"prompt": "\\ud83d\\ude00 is"}\n', ["😀 is"]),
    "line ends of old Macs": ("p.txt", "a\rb\rc", ["a", "b", "c"]),
    "line ends of all kinds": ("p.txt", "a\r\nb\nc\rd", ["a", "b", "c", "d"]),
    "what ends no line": ("p.txt", "a\u2028b\nc\x0bd\ne\x85f\ng\x0ch\n", ["a\u2028b", "c\x0bd", "e\x85f", "g\x0ch"]),
    "the same in lines of JSON": ("p.jsonl", '{"prompt": "a\u2028b\x85c"}\n', ["a\u2028b\x85c"]),
    "the same in a table": ("p.csv", "prompt\na\u2028b\x85c\n", ["a\u2028b\x85c"]),
    "files put together with their marks": ("p.txt", b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", ["a", "b"]),
    "space around a prompt": ("p.txt", "  a b \n", ["  a b "]),
}


@pytest.mark.parametrize(("name", "content", "prompts"), PROMPTS_READ.values(), ids=PROMPTS_READ.keys())
def test_prompts_are_read_as_they_are_written(tmp_path, name, content, prompts):
    found = read_prompts(put(tmp_path, name, content))
    assert list(found) == prompts
    assert len(found) == len(prompts)


PROMPTS_REFUSED = {
    "a comma without quotes": (
        "p.csv",
        f"prompt\na\n{FRANCE}\n",
        rf'line 3: another number of columns than the first line has \(3, not 1: prompt\); .*quotes: "{FRANCE}"',
    ),
    "a comma too many": (
        "p.csv",
        "prompt,label\na,b,c\n",
        r'line 2: another number .* \(3, not 2: .*quotes: "like,this"',
    ),
    "a tab too many": ("p.tsv", "prompt\na\tb\n", "line 2: another number .* holds a tab into quotes"),
    "a cell too few": (
        "p.csv",
        "prompt,label\na,b\nc\n",
        r"line 3: another number .* \(1, not 2.*is a comma missing\?",
    ),
    "a quote never closed": ("p.csv", 'prompt\na\n"b\nc\nd\n', "line 3: a quote opens here and is never closed"),
    "the second quote never closed": ("p.csv", 'prompt,b\n"a\nb","c\nd\n', "line 3: a quote opens here and is never"),
    "a quote closed by the next one": (
        "p.csv",
        'prompt\n"a\n"b" is\n',
        "line 2: more text follows a quote that opens here",
    ),
    "a quote that swallows a book": ("p.csv", 'prompt\n"' + "a b\n" * 40000, r"line 2: a quote .* more than 131,072"),
    "a cell as long as a book": (
        "p.csv",
        'prompt\n"' + "a " * 70000 + '"\n',
        r"line 2: a cell holds more than 131,072 characters; write the rows as .jsonl",
    ),
    "two columns of one name": ("p.csv", "prompt,prompt\na,b\n", "line 1: columns 1 and 2 are both called 'prompt'"),
    "one name but for space": ("p.csv", "prompt, prompt\na,b\n", "columns 1 and 2 are both called 'prompt'"),
    "columns without names": ("p.csv", ",prompt,\n0,a,\n", "line 1: columns 1 and 3 have no names"),
    "a column without a name": ("p.csv", "prompt,\na,\n", "line 1: column 2 has no name"),
    "semicolons": ("p.csv", "prompt;label\na;b\n", "there is one column, 'prompt;label'; separate columns by commas"),
    "no head": ("p.csv", "The sky is\nGrass is\n", "line 2: there is no column 'prompt'; there is The sky is"),
    "a name misspelled": ("p.csv", "promt,label\na,b\n", "there is promt, label; did you mean 'promt'.*`column`"),
    "null": ("p.jsonl", [{"prompt": None}], r"line 1: the prompt is empty or no text \(None\)"),
    "a number": ("p.jsonl", [ROW, {"prompt": 5}], r"line 2: the prompt is empty or no text \(5\)"),
    "nothing in Parquet": ("p.parquet", [ROW, {"prompt": None}], r"row 1: the prompt is empty or no text \(None\)"),
    "bytes in Parquet": ("p.parquet", [{"prompt": b"Paris"}], r"row 0: the prompt is empty or no text \(b'Paris'\)"),
    "not a number": ("p.jsonl", '{"prompt": NaN}\n', r"line 1: the prompt is empty or no text \(nan\)"),
    "nothing to see": (
        "p.jsonl",
        '{"prompt": "\\u200b\\u00ad "}\n',
        r"line 1: the prompt is empty or no text \('\\u200b",
    ),
    "no line to see": ("p.txt", "\u200b\n", "holds no prompts"),
    "half an emoji": ("p.jsonl", '{"prompt": "a"}\n{"prompt": "\\ud83d is"}\n', f"p.jsonl, line 2: 'prompt': {HALF}"),
    "half an emoji in a list": ("p.json", '[{"prompt": "\\ud83d"}]', f"p.json: 0.'prompt': {HALF}"),
    "half an emoji in another key": ("p.jsonl", '{"prompt": "a", "n": ["\\ud83d"]}\n', f"line 1: 'n'.0: {HALF}"),
    "NUL in JSON": ("p.jsonl", '{"prompt": "a\\u0000b"}\n', "p.jsonl, line 1, prompt: a NUL character"),
    "NUL in text": ("p.txt", b"a b c d e f g\nh\x00i\n", "p.txt, line 2: a NUL character"),
    "NUL in a table": ("p.csv", b"prompt\nabcdefghijklmnop\x00\n", "p.csv, line 2: a NUL character"),
    "a key twice": ("p.jsonl", '{"prompt": "a", "prompt": "b"}\n', "line 1: the key 'prompt' stands there twice"),
    "UTF-16": ("p.txt", "The sky is".encode("utf-16"), "p.txt looks like UTF-16LE.*iconv -f UTF-16LE -t UTF-8"),
    "UTF-16 the other way": ("p.txt", "\ufeffThe sky".encode("utf-16-be"), "p.txt looks like UTF-16BE"),
    "UTF-16 without a mark": ("p.txt", "The sky is".encode("utf-16-le"), "p.txt looks like UTF-16LE"),
    "UTF-16 without a mark, the other way": ("p.csv", "prompt\na".encode("utf-16-be"), "looks like UTF-16BE"),
    "Russian in UTF-16": ("p.txt", "Столица страны - это\n".encode("utf-16-le"), "UTF-16LE|not UTF-8|NUL character"),
    "UTF-32": ("p.jsonl", '{"prompt": "a"}'.encode("utf-32"), "p.jsonl looks like UTF-32LE"),
    "Latin-1": ("p.txt", "a\nLe café de".encode("latin-1"), "line 2: byte 0xe9 .* it says 'café': .*WINDOWS-1252"),
    "quotes of Windows": ("p.csv", "prompt\nIt’s".encode("cp1252"), "line 2: byte 0x92 .* it says 'It’s'"),
    "no text": ("p.txt", b"\x1f\x8b\x08\x00\x00\xff\xff", "p.txt, line 1: byte 0x8b is not UTF-8; the file is no text"),
    "a pointer": (
        "p.txt",
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "a Git LFS pointer.*git lfs pull",
    ),
    "a pointer for Parquet": (
        "p.parquet",
        "version https://git-lfs.github.com/spec/v1\n",
        "p.parquet is a Git LFS pointer",
    ),
    "a torn line": ("p.jsonl", '{"prompt": "a"}\n{"pro', r"p.jsonl, line 2: no valid JSON \(.* at column 2"),
    "lines called a list": ("p.json", [ROW, ROW], r"p.json: no valid JSON \(Extra data at line 2, column 1\)"),
    "nested without end": ("p.jsonl", "[" * 100000, "line 1: it is nested too deeply"),
    "a number without end": ("p.jsonl", '{"n": ' + "1" * 5000 + "}", "line 1: Exceeds the limit"),
    "an ending nobody knows": ("p.xlsx", "x", r"p.xlsx is no .jsonl, .json, .csv, .tsv, .parquet, .txt file"),
    "nothing": ("p.csv", "", "p.csv holds no prompts"),
    "a head alone": ("p.csv", "prompt\n", "p.csv holds no prompts"),
}


@pytest.mark.parametrize(("name", "content", "message"), PROMPTS_REFUSED.values(), ids=PROMPTS_REFUSED.keys())
def test_prompts_that_would_be_misread_are_refused(tmp_path, name, content, message):
    refused(message, read_prompts, put(tmp_path, name, content))


def test_a_million_rows_need_no_more_memory_than_one(tmp_path):
    import tracemalloc

    for name in ("p.txt", "p.csv", "p.tsv", "p.jsonl"):
        long = FRANCE * 100
        row = json.dumps({"prompt": long}) if name == "p.jsonl" else f'"{long}"'
        file = put(tmp_path, name, "prompt\n" + f"{row}\n" * 400 if name[2] != "j" else f"{row}\n" * 400)
        tracemalloc.start()
        read_prompts(file)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < file.stat().st_size / 2, name


NESTED = {"q": {"text": "a b"}, "messages": [{"role": "user", "content": "Hi"}]}


def test_another_column_is_named(tmp_path):
    assert list(read_prompts(put(tmp_path, "p.jsonl", [NESTED]), "q.text")) == ["a b"]
    assert list(read_prompts(put(tmp_path, "p.parquet", [NESTED]), "q.text")) == ["a b"]
    assert list(read_prompts(put(tmp_path, "p.csv", "text,prompt\na,b\n"), "text")) == ["a"]
    file = put(tmp_path, "p.jsonl", [NESTED])
    refused(
        "line 1: there is no column 'q.txt'; in 'q' there is text; did you mean 'q.text'", read_prompts, file, "q.txt"
    )
    refused(r"line 1: the q is empty or no text \(\{'text'", read_prompts, file, "q")
    refused("p.txt has no columns", read_prompts, put(tmp_path, "p.txt", "a"), "text")


def test_an_image_goes_with_its_prompt_whatever_the_table(tmp_path):
    for name, content in (
        ("p.tsv", "prompt\t image_path\na\tx.png\n"),
        ("p.parquet", [{"prompt": "a", "image_path": "x.png"}]),
    ):
        assert list(read_prompts(put(tmp_path, name, content))) == [ImagePrompt("a", tmp_path / "x.png")]


def test_messages_are_a_conversation(tmp_path):
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    expected = Conversation((Message("system", "Be brief."), Message("user", "Hi")))
    for name in ("p.jsonl", "p.parquet"):
        assert list(read_prompts(put(tmp_path, name, [{"messages": said}]))) == [expected]
    assert list(read_prompts(put(tmp_path, "p.json", json.dumps([{"turns": said}])), "turns")) == [expected]
    assert Conversation.of(expected.to_json()) == expected


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([], "a conversation needs a message"),
        ("Hi", r"the messages is empty or no text|messages are a list"),
        ([{"role": "user"}], "the content of message 1 is None"),
        ([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], "the content of message 1 is \\[{"),
        ([{"from": "human", "value": "Hi"}], "the role of message 1 is None"),
        ([{"role": "user", "content": " "}], "the content of message 1 is empty"),
        (["Hi"], "message 1 is no object like"),
        (
            [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Oh"}],
            "the last message is the assistant's",
        ),
        ([{"role": "user", "content": "Hi", "tool_calls": [1]}], "message 1 has tool_calls, which is not read"),
    ],
)
def test_messages_that_would_be_misread_are_refused(tmp_path, messages, message):
    file = put(tmp_path, "p.jsonl", [{"messages": [{"role": "user", "content": "a"}]}, {"messages": messages}])
    if messages == "Hi":
        assert read_prompts(file).n_prompts == 2  # a text is a prompt, whatever its column is called
    else:
        refused(f"line 2, messages: .*{message}", read_prompts, file)


def test_a_conversation_is_captured_in_its_template_or_refused(tmp_path):
    model = tiny.word_model()
    model.tokenizer.chat_template = "{% for m in messages %}{{ m.content }} {% endfor %}w9"
    file = put(
        tmp_path, "p.jsonl", [{"messages": [{"role": "system", "content": "w3"}, {"role": "user", "content": "w4"}]}]
    )
    asked = read_prompts(file)
    found = capture(model, asked, CaptureConfig("prompt", chat=True))
    assert_same_moments(found, capture(model, ["w3 w4 w9"], CaptureConfig("prompt")))
    assert model.as_message(next(iter(asked)), chat=Chat("w5")) == "w3 w4 w9"  # a system prompt of its own stays
    refused(r"prompt 1 is a conversation, .*; give `chat=True`", capture, model, asked)
    model.tokenizer.chat_template = "{{ messages[-1].content }}"
    file = put(tmp_path, "q.jsonl", [{"messages": [{"role": "user", "content": w} for w in ("w3", "w4")]}])
    refused(
        "prompt 1: the chat template leaves messages of the user out",
        capture,
        model,
        read_prompts(file),
        CaptureConfig(chat=True),
    )


def test_commands_take_a_column_and_refuse_conversations_before_a_model_is_loaded(tmp_path):
    file = put(tmp_path, "p.csv", "text\na\n")
    given = ("capture", "./no-model", "-o", tmp_path / "cap", "--prompts")
    assert_refused(run(*given, file), "line 2: there is no column 'prompt'; there is text; name the column")
    assert_refused(run(*given, file, "--column", "text"), "there is no model at ./no-model")
    assert_refused(run(*given, tmp_path, "--ask", "a?", "--column", "text"), "--column goes with a file of prompts")
    talk = put(tmp_path, "t.jsonl", [{"messages": [{"role": "user", "content": "Hi"}]}])
    edit = put(tmp_path, "e.json", '{"L0H0": 0}')
    assert_refused(run(*given, talk), "prompt 1 is a conversation, which only the chat template can write; give --chat")
    assert_refused(run("effects", "./no-model", "--edit", edit, "--prompts", talk), "prompt 1 is a conversation")
    export = ("export", "./no-model", "-o", tmp_path / "x", "--edit", edit)
    assert_refused(run(*export, "--prompts", talk), "images or messages, but an export is compared on texts alone")
    assert_refused(run(*export, "--column", "text"), "--column is one of the file of prompts; give that with --prompts")
    assert_refused(run("concepts", "audit", put(tmp_path, "w.txt", "a".encode("utf-16")), "--model", "m"), "UTF-16LE")


TASK = """
name: mine
concept: colours
target:
  data: rows.jsonl
  prompts: "{asked} is"
  answers: answer
unrelated: none
"""


def rows(answer, asked="grass"):
    more = [{"asked": f"thing {n}", "answer": "red"} for n in range(3)]
    return [*more, {"asked": asked, "answer": answer}]


def declared(folder, data, text=TASK, name="rows.jsonl"):
    put(folder, name, data)
    return put(folder, "mine.yaml", text.replace("rows.jsonl", name))


ANSWERS = {
    "text": ("green", {"green"}),
    "a whole number": (42, {"42"}),
    "several": (["green", "lime"], {"green", "lime"}),
    "a large number": (2**70, {str(2**70)}),
}


@pytest.mark.parametrize(("answer", "accepted"), ANSWERS.values(), ids=ANSWERS.keys())
def test_answers_are_what_is_written(tmp_path, answer, accepted):
    task = load_task(str(declared(tmp_path, rows(answer))))
    assert {a for q in task.questions for a in q.answers} == {"red"} | accepted


WRONG_ANSWERS = {
    "null": (None, "there is nothing (None), where text belongs; fill it in"),
    "not a number": (float("nan"), "there is nothing (nan)"),
    "a fraction": (42.0, "there is a fraction (42.0), where text belongs; write it in quotes"),
    "false": (False, "there is true or false (False), where text belongs; write it in quotes"),
    "an object": (
        {"value": "green"},
        "there is an object ({'value': 'green'}), where text belongs; name what is meant",
    ),
    "nothing": ("", "the accepted answer '' is empty or invisible"),
    "space": (" ", "the accepted answer ' ' is empty or invisible"),
    "no list": ([], "there is no accepted answer"),
    "a list with null": (["green", None], "there is nothing (None)"),
    "a list with nothing": (["green", ""], "the accepted answer '' is empty or invisible"),
    "a list in a list": ([["green"]], "there is a list (['green'])"),
}


@pytest.mark.parametrize(("answer", "message"), WRONG_ANSWERS.values(), ids=WRONG_ANSWERS.keys())
def test_answers_that_are_no_text_are_refused(tmp_path, answer, message):
    refused(f"rows.jsonl, line 4, answer: {re.escape(message)}", load_task, str(declared(tmp_path, rows(answer))))


@pytest.mark.parametrize("asked", [None, float("nan"), True, 1.5, ["a"], {"a": "b"}, "", " ", "\u200b"])
def test_what_is_asked_is_text(tmp_path, asked):
    refused(
        "the template .* cannot be filled: .*rows.jsonl, line 4, asked: there is",
        load_task,
        str(declared(tmp_path, rows("x", asked))),
    )


def test_a_prompt_that_asks_nothing_is_refused(tmp_path):
    text = TASK.replace('"{asked} is"', '"{asked:.1}"')
    refused("rows.jsonl, line 4 would ask nothing", load_task, str(declared(tmp_path, rows("x", " x"), text)))


@pytest.mark.parametrize("use", ['"{asked} is"', '"{answer} is"\n  fact: asked'])
def test_a_missing_cell_fills_no_prompt_and_is_no_fact(tmp_path, use):
    table = "asked,answer\nday,sun\nnight,moon\n,stars\ndusk,owls\n"
    task = declared(tmp_path, table, TASK.replace('"{asked} is"', use), "rows.csv")
    refused("line 4, asked: there is nothing", load_task, str(task))


def test_answers_in_parquet(tmp_path):
    data = [{"asked": str(n), "answer": b"Paris"} for n in range(4)]
    refused(
        r"row \d, answer: there is bytes \(b'Paris'\)", load_task, str(declared(tmp_path, data, name="rows.parquet"))
    )


def test_tables_of_tasks_are_read_as_those_of_prompts(tmp_path):
    good = "asked,answer\n" + "".join(f'"a, {n}",red\n' for n in range(4))
    assert len(load_task(str(declared(tmp_path, good, name="ROWS.CSV"))).questions) == 4
    refused(
        "ROWS.CSV, line 6: another number", load_task, str(declared(tmp_path, good + "b, c,red\n", name="ROWS.CSV"))
    )
    tabs = good.replace(",red", "\tred").replace("asked,", "asked\t")
    assert len(load_task(str(declared(tmp_path, tabs, name="rows.tsv"))).questions) == 4


IN_PLACE = """
concept: colours
target:
  rows:
    - {asked: a, answer: WORD}
    - {asked: b, answer: red}
  prompts: "{asked} is"
  answers: answer
unrelated: none
"""


@pytest.mark.parametrize("word", ["2024-01-01", "12:30", "007", "1_000", "0x1F", "42", "1.5.2", "'no'", '"1.50"'])
def test_words_in_yaml_are_what_is_written(tmp_path, word):
    task = load_task(str(put(tmp_path, "t.yaml", IN_PLACE.replace("WORD", word))))
    assert {a for q in task.questions for a in q.answers} == {"red", word.strip("\"'")}


@pytest.mark.parametrize(("word", "kind"), [("no", "true or false"), ("1.50", "a fraction"), ("~", "nothing")])
def test_words_that_yaml_reads_otherwise_are_refused(tmp_path, word, kind):
    file = put(tmp_path, "t.yaml", IN_PLACE.replace("WORD", word))
    refused(f"t.yaml, target, row 1, answer: there is {kind}", load_task, str(file))


YAML_REFUSED = {
    "a key twice": ("concept: a\nconcept: b\n", "cannot be read as YAML: the key 'concept' stands there twice"),
    "half an emoji": ('concept: "\\ud83d"\n', f"cannot be read as YAML: line 1: {HALF}"),
    "UTF-16": ("concept: colours\n".encode("utf-16"), "looks like UTF-16LE"),
    "Latin-1": ("name: café\n".encode("latin-1"), "line 1: byte 0xe9 is not UTF-8"),
    "a wrong type by hand": ("concept: !!bool maybe\n", "cannot be read as YAML: "),
    "code": ("concept: !!python/name:os.system\n", "cannot be read as YAML: "),
    "nested without end": ("[" * 5000, "nested too deeply|cannot be read as YAML"),
    "prompts that are numbers": (TASK.replace('"{asked} is"', "5"), "target, prompts: expected templates"),
    "a limit in words": (TASK + "", None),
}


@pytest.mark.parametrize(("content", "message"), YAML_REFUSED.values(), ids=YAML_REFUSED.keys())
def test_task_files_that_would_be_misread_are_refused(tmp_path, content, message):
    put(tmp_path, "rows.jsonl", rows("green"))
    if message is None:
        content, message = (
            content.replace("  answers:", "  limit: many\n  answers:"),
            "target, limit: expected a whole num",
        )
    file = put(tmp_path, "t.yaml", content)
    refused(message, load_task, str(file))


def test_a_task_file_in_capitals_and_with_a_mark_is_read(tmp_path):
    put(tmp_path, "rows.jsonl", rows("green"))
    assert load_task(str(put(tmp_path, "T.YAML", "\ufeff" + TASK))).name == "mine"


QUESTION = {"prompt": "a", "answers": ["b"], "group": "target", "subject": "s", "fact": "f", "split": "heldout"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"answers": [None]}, "answers: there is nothing"),
        ({"answers": [""]}, "the accepted answer '' is empty or invisible"),
        ({"prompt": None}, "prompt is None, where text belongs"),
        ({"prompt": "\ud83d"}, HALF),
        ({"fact": 3}, "fact is 3, where text belongs"),
    ],
)
def test_questions_that_would_be_misread_are_refused(changes, message):
    refused(f"q.jsonl, line 1: no question .*{message}", parse_questions, json.dumps(QUESTION | changes), "q.jsonl")


def test_one_answer_is_one_and_not_its_letters():
    assert parse_questions(json.dumps(QUESTION | {"answers": "Paris"}), "q.jsonl")[0].answers == ("Paris",)


def test_tasks_of_a_transfer_in_json_may_hold_escaped_emoji(tmp_path):
    content = '{"tasks": [{"task": "countries-qa"}], "settings": {"x": "\\ud83d\\ude00"}}'
    assert read_tasks([str(put(tmp_path, "t.JSON", content))])[1] == {"x": "😀"}
    refused(HALF, read_tasks, [str(put(tmp_path, "t.json", content.replace("\\ude00", "")))])
    refused("the key 'tasks' stands there twice", read_tasks, [str(put(tmp_path, "t.yaml", "tasks: []\ntasks: []\n"))])


WORDS = {
    "what ends no line": ("rouge\u2028foncé\nbleu\x0bciel\n", ("rouge foncé", "bleu ciel")),
    "line ends of old Macs": ("rouge\rbleu\r", ("rouge", "bleu")),
    "a mark": (b"\xef\xbb\xbfrouge\n", ("rouge",)),
}


@pytest.mark.filterwarnings("ignore:.*were normalised")
@pytest.mark.parametrize(("content", "words"), WORDS.values(), ids=WORDS.keys())
def test_words_are_read_as_they_are_written(tmp_path, content, words):
    assert load_concept(put(tmp_path, "w.txt", content)).words == words


def test_words_that_would_be_misread_are_refused(tmp_path):
    refused("w.txt looks like UTF-16BE", load_concept, put(tmp_path, "w.txt", "rouge\n".encode("utf-16-be")))
    refused("w.txt, line 2: a NUL", load_concept, put(tmp_path, "w.txt", b"red green\nbl\x00ue yellow\n"))
    refused(f"word 1: {HALF}", Concept, "w", ("\ud83d",))
    refused(
        "s.txt, line 1: a NUL", read_synonyms, put(tmp_path, "s.txt", b"red, crims\x00on\n"), Concept("w", ("red",))
    )


def test_edits_are_read_with_a_mark_and_never_by_the_last_of_two(tmp_path):
    assert dict(SavedEdit.load(put(tmp_path, "e.json", '\ufeff{"L1H2": -1}')).edit.to_json()["scales"]) == {
        "L1H2": -1.0
    }
    refused(
        "e.json: the key 'L1H2' stands there twice", SavedEdit.load, put(tmp_path, "e.json", '{"L1H2": -1, "L1H2": 0}')
    )
    refused("L1H2 is named twice", SavedEdit.load, put(tmp_path, "e.json", '{"L1H2": -1, "l1h2": 0}'))
    refused(HALF, SavedEdit.load, put(tmp_path, "e.json", '{"kind": "edit", "version": 1, "concept": "\\ud83d"}'))
    refused("e.json looks like UTF-16LE", SavedEdit.load, put(tmp_path, "e.json", '{"L1H2": -1}'.encode("utf-16-le")))


@pytest.mark.parametrize("name", ["METADATA.CSV", "captions.tsv", "metadata.json", "captions.parquet"])
def test_captions_are_read_from_every_table(tmp_path, name):
    described = [{"file_name": f"{n}.png", "caption": f"a, {n}"} for n in range(4)]
    for n in range(4):
        save_picture(tmp_path / f"{n}.png", n)
    sign = "\t" if "tsv" in name else ","
    table = f"file_name{sign}caption\n" + "".join(f'{r["file_name"]}{sign}"{r["caption"]}"\n' for r in described)
    put(tmp_path, name, json.dumps(described) if "json" in name else described if "parquet" in name else table)
    found = load_images(str(tmp_path))
    assert sorted(image.captions[0] for image in found.images) == [f"a, {n}" for n in range(4)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file_name,caption\n0.png,a cat, asleep\n", r"metadata.csv, line 2: another number"),
        ('file_name,caption\n0.png,"a cat\n1.png,a dog\n', "metadata.csv, line 2: a quote opens here"),
        ("file_name,caption,caption\n0.png,a,b\n", "columns 2 and 3 are both called 'caption'"),
        (b"file_name,caption\n0.png,caf\xe9\n", "line 2: byte 0xe9"),
    ],
)
def test_captions_that_would_be_misread_are_refused(tmp_path, content, message):
    save_picture(tmp_path / "0.png")
    put(tmp_path, "metadata.csv", content)
    refused(message, load_images, str(tmp_path))


def test_files_that_a_folder_of_labels_leaves_out_are_counted(tmp_path):
    save_labelled(tmp_path)
    assert load_images(str(tmp_path)).remarks == ()
    for name in ("cat/a.heic", "cat/b.HEIC", "dog/notes", "dog/.hidden", "README.txt"):
        (tmp_path / name).write_bytes(b"x")
    (remark,) = load_images(str(tmp_path)).remarks
    assert remark.startswith("3 files in ")
    assert remark.endswith("not called like images (2 .heic, 1 no ending; the first is cat/a.heic).")
    assert load_task("image-classification", load_images(str(tmp_path))).remarks[0] == remark


def test_an_unfinished_run_of_lm_eval_is_told_as_such(tmp_path):
    put(tmp_path, "config.json", "{}")
    refused("is unfinished; continue it with `resume=True`", HarnessResult.load, tmp_path)


def test_settings_of_a_template_are_read_strictly():
    refused("the key 'a' stands there twice", parse_template_args, '{"a": 1, "a": 2}')
    refused(HALF, parse_template_args, '{"a": "\\ud83d"}')


def test_json_and_yaml_hold_what_they_say():
    assert parse_json('{"a": [1, {"b": null}], "c": "\\u0000"}') == {"a": [1, {"b": None}], "c": "\0"}
    assert parse_yaml("a: &x {b: 1}\nc: {<<: *x, b: 2}\n") == {"a": {"b": 1}, "c": {"b": 2}}
    assert parse_yaml("a: 1.5\nb: yes\nc: -3\nd: .inf\ne: 1.5e-3\n") == {
        "a": 1.5,
        "b": True,
        "c": -3,
        "d": float("inf"),
        "e": 0.0015,
    }
