"""A tiny model with a chat template in which every word is a token, so that what it says can be read."""

import tiny

ROLES = (
    "{% for m in messages %}{{ {'user': 'w10', 'assistant': 'w11', 'system': 'w12'}[m.role] }} {{ m.content }} w13 "
    "{% endfor %}w11"
)


def worded(template=ROLES):
    model = tiny.word_model()
    model.tokenizer.chat_template = template
    model.network.config.max_position_embeddings = 400
    _ = model.anatomy  # found once, so that nothing but conversations is read
    return model
