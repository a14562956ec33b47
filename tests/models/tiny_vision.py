"""Tiny random vision-language models with their families' own processors, all from configs: nothing is downloaded."""

from contextlib import ExitStack
from functools import cache
from types import SimpleNamespace

import pytest
import torch
import transformers as hf
from exceptions import CHANGES
from PIL import Image, ImageDraw
from tiny_configs import tiny_config
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
from zoo import randomise

from headpursuit.heads import Edit
from headpursuit.media import ImagePrompt
from headpursuit.models import LanguageModel, rescale
from headpursuit.models.batches import batches
from headpursuit.models.senses import SIGHT
from headpursuit.models.text import read_logits

IMAGE_ID, VIDEO_ID = 200, 201
SIZE = 28
_NAMED = {
    "image_token": "<image>",
    "context_image_token": "<image>",
    "video_token": "<video>",
    "boi_token": "<boi>",
    "start_image_token": "<boi>",
    "eoi_token": "<eoi>",
    "end_image_token": "<eoi>",
    "image_wrapper_token": "<wrap>",
    "eof_token": "<eof>",
}
_SPECIAL = (
    *("<image>", "<video>", "<boi>", "<eoi>", "<wrap>", "<eof>", "<break>", "<end>"),
    *("<|vision_start|>", "<|vision_end|>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"),
)


def tokenizer():
    """One token per word: `w5` is token 5, `<image>` is token 200."""
    special = {IMAGE_ID + i: name for i, name in enumerate(_SPECIAL)}
    usual = dict(enumerate(["<pad>", "<s>", "</s>", "<unk>"]))
    vocab = {(usual | special).get(i, f"w{i}"): i for i in range(288)}
    words = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        extra_special_tokens=_NAMED | {f"special_{i}": name for i, name in enumerate(_SPECIAL)},
    )


def drawing(number=0, size=(40, 30)):
    """A picture unlike the others."""
    image = Image.new("RGB", size, ("red", "green", "navy", "white")[number % 4])
    draw = ImageDraw.Draw(image)
    draw.ellipse((3 + 3 * number, 4, 20 + 3 * number, 24), fill="yellow", outline="black")
    draw.line((0, 0, *size), fill="purple", width=2)
    return image


def _pil(name):
    """An image processor that needs no torchvision; before transformers 5.2 it was the usual one."""
    return getattr(hf, f"{name}Pil", None) or getattr(hf, name)


def _square(size=SIZE):
    return {"height": size, "width": size}


def _cropped(size=SIZE):
    return dict(size={"shortest_edge": size}, crop_size=_square(size))


def _without_videos(processor_class):
    """A processor class that takes anything for a video processor: real ones need torchvision."""
    return type(processor_class.__name__, (processor_class,), {"check_argument_for_proper_class": lambda *_: None})


_NO_VIDEOS = SimpleNamespace(model_input_names=[])

_GRID = [[SIZE, 2 * SIZE], [2 * SIZE, SIZE], [2 * SIZE, 2 * SIZE]]


def _llava(words):
    images = _pil("LlavaImageProcessor")(**_cropped())
    return hf.LlavaProcessor(images, words, 14, "default", num_additional_image_tokens=1)


def _llava_next(words):
    images = _pil("LlavaNextImageProcessor")(**_cropped(), image_grid_pinpoints=_GRID)
    return hf.LlavaNextProcessor(images, words, 14, "default", num_additional_image_tokens=1)


def _llava_onevision(words):
    images = _pil("LlavaOnevisionImageProcessor")(size=_square(), image_grid_pinpoints=_GRID)
    return _without_videos(hf.LlavaOnevisionProcessor)(images, words, _NO_VIDEOS, 4, "full")


def _qwen(name):
    def make(words):
        words.image_token, words.video_token = "<image>", "<video>"
        images = _pil("Qwen2VLImageProcessor")(size={"shortest_edge": SIZE**2, "longest_edge": 4 * SIZE**2})
        return _without_videos(getattr(hf, name))(images, words, _NO_VIDEOS)

    return make


def _gemma3(words):
    return hf.Gemma3Processor(_pil("Gemma3ImageProcessor")(size=_square()), words, image_seq_length=4)


def _paligemma(words):
    images = _pil("SiglipImageProcessor")(size=_square())
    images.image_seq_length = 4
    return hf.PaliGemmaProcessor(images, words)


def _idefics3(words):
    edge = {"longest_edge": 2 * SIZE}
    images = _pil("Idefics3ImageProcessor")(size=edge, max_image_size=edge, do_image_splitting=False)
    return hf.Idefics3Processor(images, words, image_seq_len=4)


def _internvl(words):
    images = _pil("GotOcr2ImageProcessor")(size=_square(2 * SIZE))
    return _without_videos(hf.InternVLProcessor)(images, words, _NO_VIDEOS, image_seq_length=4)


class _Pixtral:
    """What Pixtral's processor does; its own needs torchvision."""

    image_token = "<image>"
    chat_template = None

    def __init__(self, words):
        self.tokenizer = words
        self.image_processor = _pil("PixtralImageProcessor")(patch_size=SIZE, size={"longest_edge": 2 * SIZE})

    def __call__(self, text, images, **options):
        pixels = self.image_processor([image for row in images for image in row], return_tensors="pt")
        rows = [(height // SIZE, width // SIZE) for height, width in pixels["image_sizes"].tolist()]
        expanded = (" <break> ".join(["<image>" * wide] * high) + " <end>" for high, wide in rows)
        texts = [one.replace("<image>", layout) for one, layout in zip(text, expanded, strict=True)]
        return {**self.tokenizer(texts, **options), **pixels}


def _mllama(words):
    return hf.MllamaProcessor(_pil("MllamaImageProcessor")(size=_square(), max_image_tiles=4), words)


def _chameleon(words):
    return hf.ChameleonProcessor(_pil("ChameleonImageProcessor")(**_cropped(32)), words, 4, "<image>")


def _janus(words):
    return hf.JanusProcessor(_pil("JanusImageProcessor")(size=_square()), words, num_image_tokens=4)


def _emu3(words):
    return hf.Emu3Processor(hf.Emu3ImageProcessor(min_pixels=32**2, max_pixels=32**2), words)


PROCESSORS = {
    "llava": _llava,
    "llava_next": _llava_next,
    "llava_onevision": _llava_onevision,
    "qwen2_vl": _qwen("Qwen2VLProcessor"),
    "qwen2_5_vl": _qwen("Qwen2_5_VLProcessor"),
    "qwen3_vl": _qwen("Qwen3VLProcessor"),
    "gemma3": _gemma3,
    "paligemma": _paligemma,
    "idefics3": _idefics3,
    "smolvlm": _idefics3,
    "internvl": _internvl,
    "mistral3": _Pixtral,
    "mllama": _mllama,
    "chameleon": _chameleon,
    "janus": _janus,
    "emu3": _emu3,
}
"""SmolVLM's own processor needs num2words; it makes the tensors that Idefics3's makes."""

FAMILIES = tuple(PROCESSORS)
_OFTEN = {"llava_next", "qwen2_5_vl", "gemma3", "mllama"}
SOME_FAMILIES = [name if name in _OFTEN else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES]
"""One of each way to take pictures in on every run, the others under `make fuzz`."""
IN_THE_TEXT = [family for family in FAMILIES if family != "mllama"]

_TOKENS = {"image_token_id": IMAGE_ID, "image_token_index": IMAGE_ID, "video_token_id": VIDEO_ID}
_SIZES = {
    "qwen2_5_vl": {"vision_config": {"window_size": 112, "fullatt_block_indexes": [1]}},
    "llava_next": {"image_grid_pinpoints": _GRID},
    "llava_onevision": {"image_grid_pinpoints": _GRID},
    "idefics3": {"vision_config": {"image_size": 2 * SIZE}},
    "smolvlm": {"vision_config": {"image_size": 2 * SIZE}},
    "internvl": {"vision_config": {"image_size": [2 * SIZE] * 2, "patch_size": [14, 14]}},
    "mistral3": {"vision_config": {"head_dim": 16}},
    "chameleon": {"vq_config": {"resolution": 32}},
    "emu3": {
        "vq_config": {"embed_dim": 64, "latent_channels": 64, "z_channels": 64, "hidden_size": 64}
        | {"channel_multiplier": [1, 1, 1, 2], "attn_resolutions": [3], "num_res_blocks": 1, "codebook_size": 64}
    },
}


def _merged(one, other):
    """Two nested dictionaries as one; the second one's values win."""
    both = {n: _merged(one[n], other[n]) for n in one if isinstance(one[n], dict) and isinstance(other.get(n), dict)}
    return one | other | both


def network(family):
    default = hf.AutoConfig.for_model(family)
    ids = {name: value for name, value in _TOKENS.items() if hasattr(default, name)}
    config = tiny_config(family, _merged(_merged(CHANGES.get(family, {}), _SIZES.get(family, {})), ids))
    torch.manual_seed(0)
    kind = getattr(hf, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES[family])
    model = kind._from_config(config, dtype=torch.float32).eval()
    randomise(model)
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    return model


def vision_model(family):
    words = tokenizer()
    processor = PROCESSORS[family](words)
    return LanguageModel(network(family), words, f"tiny-{family}", processor=processor)


def asking(model, text, image):
    """A prompt with the model's placeholder at `{}`."""
    return ImagePrompt(text.format(SIGHT.placeholder(model.processor)), image)


@cache
def shared(family):
    """A model that tests leave as it is, so that it is certified once."""
    return vision_model(family)


def two_prompts(model):
    """Of other lengths, about pictures of other shapes."""
    return [
        asking(model, "w5 {} w6 w7", drawing(0)),
        asking(model, "{} w8 w9 w10 w11 w12", drawing(1, (30, 60))),
    ]


def uneven_edit(model, scope="all"):
    """Every head by another scale: a common one would be undone by a norm behind the projection."""
    return Edit({head: (-1) ** i * (1 + i % 3) for i, head in enumerate(model.anatomy.heads)}, scope)


def logits(model, prompt, *edits):
    """Of one prompt alone: (n_tokens, vocab)."""
    with ExitStack() as applied:
        for edit in edits:
            applied.enter_context(rescale(model, edit))
        return read_logits(model, batches(model, [prompt], 1)[0])[0]


_TEMPLATE = (
    "{% for part in messages[0].content %}{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %} "
    "{% endfor %}w51"
)


def saved(path):
    """A tiny llava with a chat template, as a folder that `load` takes."""
    model = vision_model("llava")
    model.processor.chat_template = _TEMPLATE
    model.network.save_pretrained(path)
    model.processor.save_pretrained(path)
    return path
