"""The class that `load` opens each encoder-decoder, and each model that listens, as; or the reason that it refuses."""

from dataclasses import dataclass

import torch
import transformers
import zoo
from exceptions import ALIASES, CHANGES
from tiny_configs import tiny_config

from headpursuit.models.checkpoints import auto_class
from headpursuit.models.senses.networks import encoder_sense_of, senses_of

SPOKEN = ("SEQ_TO_SEQ_CAUSAL_LM", "SPEECH_SEQ_2_SEQ")


@dataclass(frozen=True)
class Opening:
    """One class, as a checkpoint that was saved from it is opened."""

    model_type: str
    class_name: str
    opened: tuple[str, ...] = ()
    """Names of the class that it is opened as; none if it is refused."""
    reads: str = ""
    reason: str = ""


def openings() -> list[Opening]:
    """Every class of the mappings of speech and translation, of the encoder-decoders that see, and of what listens."""
    return [_opening(job) for job in zoo.jobs() if _is_meant(job)]


def _is_meant(job: zoo.Job) -> bool:
    if job.mapping in SPOKEN:
        return True
    if job.mapping == "CAUSAL_LM":
        return job.class_name in ("Phi4MultimodalForCausalLM", "MossTranscribeDiarizeForConditionalGeneration")
    config = transformers.AutoConfig.for_model(job.model_type)
    return job.mapping == "MULTIMODAL_LM" or getattr(config, "is_encoder_decoder", False)


def _opening(job: zoo.Job) -> Opening:
    model_type = ALIASES.get(job.model_type, job.model_type)
    try:
        config = tiny_config(model_type, CHANGES.get(model_type, {}))
    except (ValueError, TypeError):
        config = transformers.AutoConfig.for_model(model_type)
    config.architectures = [job.class_name]
    try:
        auto = auto_class(config, processor=object())
    except ValueError as error:
        return Opening(job.model_type, job.class_name, reason=str(error).partition("; `hp.rescale")[0])
    mapping = auto._model_mapping
    found = mapping[type(config)]
    names = tuple(kind.__name__ for kind in (found if isinstance(found, tuple) else (found,)))
    return Opening(job.model_type, job.class_name, names, _reads(getattr(transformers, job.class_name), config))


def _reads(kind: type[transformers.PreTrainedModel], config: transformers.PreTrainedConfig) -> str:
    """The things that prompts are made of."""
    with torch.device("meta"):
        network = kind._from_config(config)
    senses = [sense.modality.many for sense in senses_of(network)]
    return ", ".join(senses if encoder_sense_of(network) else ["text", *senses])


def table(rows: list[Opening]) -> str:
    """The rows as Markdown."""
    n_opened = sum(bool(row.opened) for row in rows)
    return "\n".join(
        [
            f"transformers {transformers.__version__}: {n_opened} of {len(rows)} classes opened, none as another.",
            "",
            "| model type | class | prompts, or why it is refused |",
            "| --- | --- | --- |",
            *(f"| {row.model_type} | {row.class_name} | {row.reads or f'refused: {row.reason}'} |" for row in rows),
        ]
    )
