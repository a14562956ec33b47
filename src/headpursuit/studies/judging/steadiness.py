"""The steadiness of a study's best heads in a sentence."""

from headpursuit.studies.results import Steadiness


def steady(found: Steadiness) -> str:
    """The number of best heads that stay, and how often each is among them."""
    which = "The best head" if len(found.heads) == 1 else f"The {len(found.heads)} best heads"
    resamples = f"{found.n_resamples} resamples of the ranking prompts (about {found.n_facts} facts)"
    index = f"Jaccard index {found.jaccard}, {found.word} by a line of {found.line:g}"
    named = ", ".join(f"{head} {share:.0%}" for head, share in list(found.often.items())[: 2 * len(found.heads)])
    return f"{which} beside those of {resamples}: {index}; among the best: {named}."
