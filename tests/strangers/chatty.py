"""A tiny model with a chat template, and templates as people write them."""

import tiny

MARKED = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% if enable_thinking is defined and not enable_thinking %}"
    "<think></think>{% endif %}{% endif %}"
)
DATED = "Today is {{ strftime_now('%d %b %Y, %H:%M') }}. {{ messages[0].content }}"
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{{ messages[0].content }}"
)
ONLY_USERS = "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}"


def chatty(template=MARKED):
    model = tiny.language_model()
    model.tokenizer.add_special_tokens(
        {"bos_token": "<s>", "additional_special_tokens": ["<|im_start|>", "<|im_end|>"]}
    )
    model.network.resize_token_embeddings(len(model.tokenizer))
    model.tokenizer.chat_template = template
    return model
