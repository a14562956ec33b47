"""Facts about `generate` that an edit needs: where the prompt ends, and what it cannot follow."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

from torch import Tensor, nn
from transformers import GenerationConfig, GenerationMixin

from headpursuit.models.positions import PositionTracker, named_arguments
from headpursuit.models.scopes import Prompts

_GUIDANCE = "guidance reads every text a second time, without its prompt"
_ASSISTED = "assisted decoding reads tokens that it may take back"
_PAGED = "continuous batching mixes the texts of all requests in one row"

_REFUSED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "guidance_scale": (lambda value: value not in (None, 1), _GUIDANCE),
    "assistant_model": (lambda value: value is not None, _ASSISTED),
    "prompt_lookup_num_tokens": (lambda value: value is not None, _ASSISTED),
    "assistant_early_exit": (lambda value: value is not None, _ASSISTED),
    "use_mtp": (bool, _ASSISTED),
    "is_assistant": (bool, _ASSISTED),
    "cache_implementation": (lambda value: value == "paged", _PAGED),
}
"""Settings of `generate` under which an edit could not know what it edits: when, and why."""

_BATCHING = ("generate_batch", "continuous_batching_context_manager", "init_continuous_batching")


@contextmanager
def watched_generate(network: nn.Module, tracker: PositionTracker) -> Iterator[None]:
    """Tell a tracker about every `generate` of a network, or of a part of it, while a block runs.

    Methods are replaced on the instances. They are put back when the last of several blocks closes, in any order.
    """
    with ExitStack() as stack:
        for module in network.modules():
            if isinstance(module, GenerationMixin):
                watch = _Watch.of(module)
                watch.trackers.append(tracker)
                stack.callback(watch.remove, tracker)
        yield


class _Watch:
    """The replaced methods of one model, and who is told."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.trackers: list[PositionTracker] = []
        methods = {"generate": self._generate, "_expand_inputs_for_generation": self._expand}
        methods |= dict.fromkeys(_BATCHING, self._refuse_batching)
        self._before = {name: vars(model).get(name) for name in methods}
        self._ours = {name: make(getattr(model, name)) for name, make in methods.items() if hasattr(model, name)}
        for name, method in self._ours.items():
            method._watch = self
            setattr(model, name, method)

    @classmethod
    def of(cls, model: Any) -> "_Watch":
        """The watch that is there already, or a new one."""
        found = getattr(vars(model).get("generate"), "_watch", None)
        return cls(model) if found is None else found

    def remove(self, tracker: PositionTracker) -> None:
        """Tell a tracker nothing more; the last one puts the methods back."""
        self.trackers = [other for other in self.trackers if other is not tracker]
        if self.trackers:
            return
        for name, method in self._ours.items():
            if vars(self._model).get(name) is not method:
                continue  # somebody else replaced it since
            delattr(self._model, name)
            if self._before[name] is not None:
                setattr(self._model, name, self._before[name])

    def _generate(self, original: Any) -> Any:
        @wraps(original)
        def generate(*args: Any, **kwargs: Any) -> Any:
            told = tuple(self.trackers)
            if told:
                _refuse(self._model, named_arguments(original, args, kwargs))
            with ExitStack() as stack:
                for tracker in told:
                    tracker.begin_generate(_width(kwargs.get(_mask_name(self._model))))
                    stack.callback(tracker.end_generate)
                return original(*args, **kwargs)

        return generate

    def _expand(self, original: Any) -> Any:
        """`generate` calls this once, when it has made out its inputs; rows are repeated for beams."""

        @wraps(original)
        def expand(*args: Any, **kwargs: Any) -> Any:
            input_ids, others = original(*args, **kwargs)
            copies = named_arguments(original, args, kwargs).get("expand_size", 1)
            for tracker in self.trackers:
                tracker.set_prompts(_prompts(self._model, input_ids, others), copies)
            return input_ids, others

        return expand

    def _refuse_batching(self, original: Any) -> Any:
        @wraps(original)
        def refuse(*args: Any, **kwargs: Any) -> Any:
            if self.trackers:
                raise ValueError(_refusal(f"{original.__name__}()", _PAGED))
            return original(*args, **kwargs)

        return refuse


def _refuse(model: Any, given: dict[str, Any]) -> None:
    """Raise if a call of `generate` cannot be followed; arguments win over a config, a config over the model's own."""
    configs = [config for config in (given.get("generation_config"), model.generation_config) if config is not None]
    for name, (is_wrong, reason) in _REFUSED.items():
        found = (getattr(config, name, None) for config in configs)
        value = given[name] if name in given else next((v for v in found if v is not None), None)
        if is_wrong(value):
            raise ValueError(_refusal(f"generate() with {name}", reason))


def _refusal(what: str, reason: str) -> str:
    return f"{what} cannot run while heads are rescaled: {reason}; use plain generate(), or leave the block first"


def _mask_name(model: Any) -> str:
    return "decoder_attention_mask" if model.config.is_encoder_decoder else "attention_mask"


def _width(tokens: Any) -> int:
    return tokens.shape[1] if isinstance(tokens, Tensor) and tokens.dim() > 1 else 0


def _prompts(model: Any, input_ids: Any, others: dict[str, Any]) -> Prompts:
    """The prompts among the inputs that `generate` has made out."""
    embeds = None if model.config.is_encoder_decoder else others.get("inputs_embeds")
    mask = others.get(_mask_name(model))
    flat = mask.bool().cpu() if isinstance(mask, Tensor) and mask.dim() == 2 else None
    return Prompts(max(_width(embeds) or _width(input_ids), _width(flat)), flat)


@contextmanager
def plainly_greedy(network: Any) -> Iterator[None]:
    """Set aside what the checkpoint says about generating: penalties, sampling, static caches, compilation.

    Tokens that it never says stay unsaid: Whisper's signs for music and noise.
    """
    kept = network.generation_config
    network.generation_config = GenerationConfig(
        bos_token_id=kept.bos_token_id,
        eos_token_id=kept.eos_token_id,
        decoder_start_token_id=kept.decoder_start_token_id,
        suppress_tokens=kept.suppress_tokens,
        begin_suppress_tokens=kept.begin_suppress_tokens,
        do_sample=False,
        disable_compile=True,
    )
    try:
        yield
    finally:
        network.generation_config = kept
