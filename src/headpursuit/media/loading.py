"""From a name to all images, or all sounds, of a folder or a data set."""

from collections.abc import Sequence
from pathlib import Path

from headpursuit.media.modality import Modality
from headpursuit.media.sources import Source
from headpursuit.media.stored import hub_name, is_hub, media_column, parts_of, stored, usual_columns


def media_sources(name: str, modalities: Sequence[Modality]) -> tuple[Modality, list[Source]]:
    """Everything of the first modality that is there; nothing is opened.

    Args:
        name: `hf:NAME` or `hf:NAME:SPLIT`, or a folder with its sub-folders.
        modalities: What is looked for, in this order.

    Raises:
        ExtraMissing: If a data set needs the library `datasets` and it is not installed.
        FileNotFoundError: If there is no such folder.
        ValueError: If it holds none of them.
    """
    if is_hub(name):
        return _of_data_set(name, modalities)
    for modality in modalities:
        files = modality.files(Path(name))
        if files:
            return modality, [*files]
    raise ValueError(f"{name} holds {' and '.join(f'no {modality.noun} files' for modality in modalities)}")


def _of_data_set(name: str, modalities: Sequence[Modality]) -> tuple[Modality, list[Source]]:
    dataset, split = hub_name(name)
    parts = parts_of(dataset, split)
    for modality in modalities:
        columns = {part: media_column(parts[part].features, modality) for part in parts}
        if any(columns.values()):
            found = [stored(parts[part], one, f"{dataset}, {part}", modality) for part, one in columns.items() if one]
            sources: list[Source] = [source for several in found for source in several]
            if sources:
                return modality, sources
    there = ", ".join(dict.fromkeys(column for part in parts.values() for column in part.features)) or "none"
    wanted = " or ".join(f"{modality.many} (such as {usual_columns(modality)[0]})" for modality in modalities)
    raise ValueError(f"the data set {dataset} has no column with {wanted}; it has {there}")
