"""A study's figures as a few lines of Markdown, for a model card."""

from headpursuit.report.parts.titles import arm_title, target_scores
from headpursuit.report.wording import amount
from headpursuit.studies import StudyResult


def figures(result: StudyResult) -> str:
    """Every arm in a table, and the verdict."""
    rows = [
        f"| {arm_title(arm, result)} | {arm.target.score} | {arm.unrelated.score if arm.unrelated else '–'} "
        f"| {amount(arm.damage.perplexity)} |"
        for arm in result.arms
    ]
    return "\n".join(
        [
            f"Task {result.config.task}, held-out questions (95 % intervals); target: {target_scores(result)}:",
            "",
            "| arm | target questions | unrelated questions | perplexity on neutral text |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
            f"Verdict: {result.verdict.outcome}. {result.verdict.sentence}",
            "",
            f"Measured with `{result.command}`.",
        ]
    )
