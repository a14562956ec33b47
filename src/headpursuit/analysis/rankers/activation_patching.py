"""Activation patching: heads that say the answer, by what is lost when they say another prompt's."""

from headpursuit.analysis.rankers.evidence import Evidence, Unsuited, by_head
from headpursuit.heads import Head
from headpursuit.media import MediaPrompt
from headpursuit.models import AnatomyError, counterparts, patched_losses

MOST = 32
"""Prompts that are patched, spread evenly: every head takes a token of each."""


def activation_patching(evidence: Evidence) -> dict[Head, float]:
    """Mean over prompts of log p(answer | prompt) - log p(answer | prompt, with the head's values of another prompt).

    The values are those of the last token, which says the answer. The other prompt is the most alike of those whose
    answer is another (see `counterparts`): as a rule the same template with another fact. Of a head that does the same
    whatever is asked for nothing is lost.

    Source: Vig et al. (2020); Meng et al. (2022), arXiv 2202.05262; in the direction that noises, Heimersheim and Nanda
        (2024), arXiv 2404.15255.
    Differences: 1. the corrupted prompt is a real one about another fact, position-aligned at the last token alone. 2.
        at most 32 prompts.

    Raises:
        Unsuited: If right answers are not known or come later than the next token, prompts hold images, all have the
            same answer, or the model cannot read a prompt's last token by itself.
    """
    answers = evidence.right_answers()
    if evidence.answer_length or any(isinstance(prompt, MediaPrompt) for prompt in evidence.prompts):
        raise Unsuited("its answers come later than the next token, which is what heads are patched for")
    step = -(-len(evidence.prompts) // MOST)
    kept = range(0, len(evidence.prompts), step)
    others = counterparts(evidence.model, evidence.prompts, [set(ids) for ids in answers], chat=evidence.chat)
    pairs = [(i, other) for i, other in ((i, others[i]) for i in kept) if other is not None]
    if not pairs:
        raise Unsuited("all its ranking prompts have the same right answer; patching needs another")
    try:
        lost = patched_losses(
            evidence.model,
            [evidence.prompts[i] for i, _ in pairs],
            [evidence.prompts[other] for _, other in pairs],
            [answers[i] for i, _ in pairs],
            batch_size=evidence.batch_size,
            chat=evidence.chat,
        )
    except AnatomyError as error:
        raise Unsuited(str(error)) from error
    return {h: v for site in evidence.model.anatomy.sites for h, v in by_head(site, lost[site.name].mean(0)).items()}
