import headpursuit as hp


@hp.register_ranker("write-size", "mean length of what the head writes")
def write_size(evidence):
    sizes = {}
    for site, written in evidence.written():  # (n_samples, n_heads, d_model)
        sizes |= dict(zip(site.heads, written.norm(dim=-1).mean(0).tolist(), strict=True))
    return sizes


@hp.register_metric("begins-right", "answers that begin with an accepted one", needs_answers=True, yes_or_no=True)
def begins_right(output, question, task, concept):
    return float(output.strip().lower().startswith(tuple(answer.lower() for answer in question.answers)))


@hp.register_scorer("capitals", ["toxicity"], version="1", meaning="the share of letters that shout")
def capitals(texts):
    return [sum(map(str.isupper, text)) / max(1, sum(map(str.isalpha, text))) for text in texts]
