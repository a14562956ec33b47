"""An edit as a LoRA in a GGUF file, which llama.cpp puts on its base with `--lora` or `--lora-scaled`.

llama.cpp adds scale * alpha / rank * B A x, with one alpha for all and each tensor's own rank; both are the same number
here, so that the user's scale is the share of the edit: 1 is all of it, 0 none.

Source: llama.cpp's convert_lora_to_gguf.py, and src/llama-adapter.cpp and llama-adapter.h (`get_scale`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFType, GGUFWriter, Keys
from numpy.typing import NDArray
from torch import Tensor

from headpursuit.heads import Edit
from headpursuit.models.anatomy import Anatomy
from headpursuit.models.checkpoints.gguf_file import GgufFile, read_gguf
from headpursuit.models.export.adapters import LowRank
from headpursuit.models.export.gguf.blocks import values_of
from headpursuit.models.export.gguf.columns import columns_of, projection_of
from headpursuit.models.export.gguf.editing import sha256_of_pieces
from headpursuit.models.export.gguf.marks import Mark
from headpursuit.models.export.gguf.undoing import edited
from headpursuit.storage import sha256_of, versions

_A, _B = ".lora_a", ".lora_b"


def write_adapter(source: Path, edit: Edit, anatomy: Anatomy, factors: LowRank, path: Path, concept: str = "") -> None:
    """Write the adapter, float32.

    Args:
        source: The GGUF file that it is for.
        edit: The edit.
        anatomy: Where the network has the heads.
        factors: The change of each projection.
        path: The file to write.
        concept: What the edit is about.
    """
    base = read_gguf(source)
    tensors: dict[str, NDArray[np.float32]] = {}
    for path_in_network, name in tensor_names(base, edit, anatomy).items():
        a, b = factors.pairs[path_in_network]
        tensors |= {name + _A: _plain(a), name + _B: _plain(b)}
    mark = Mark(edit, source.name, sha256_of(source), _digest(tensors), (), concept, versions("gguf"))
    writer = GGUFWriter(path, str(base.metadata["general.architecture"]))
    writer.add_type(GGUFType.ADAPTER)
    writer.add_string(Keys.Adapter.TYPE, "lora")
    writer.add_float32(Keys.Adapter.LORA_ALPHA, float(factors.rank))
    for key, value in mark.metadata.items():
        writer.add_string(key, value)
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _plain(values: Tensor) -> NDArray[np.float32]:
    return values.detach().float().cpu().contiguous().numpy()


def tensor_names(base: GgufFile, edit: Edit, anatomy: Anatomy) -> dict[str, str]:
    """The name in the file of each projection that is edited, by its path in the network."""
    heads = [head for head, scale in edit.items() if scale != 1]
    return {anatomy.site_of(head).path: projection_of(base, head).name for head in heads}


@dataclass(frozen=True, eq=False)
class GgufAdapter:
    """A LoRA as it was read from a GGUF file."""

    file: GgufFile
    mark: Mark
    alpha: float
    pairs: dict[str, tuple[Tensor, Tensor]]
    """A (rank, width) and B (d_model, rank), by the name of the tensor in the base's file."""

    @classmethod
    def read(cls, path: Path) -> "GgufAdapter":
        """Read an adapter that headpursuit wrote.

        Raises:
            ValueError: If it is something else, or llama.cpp would scale its tensors differently.
        """
        file, mark = edited(path)
        kind = file.metadata.get(Keys.General.TYPE), file.metadata.get(Keys.Adapter.TYPE)
        alpha = file.metadata.get(Keys.Adapter.LORA_ALPHA)
        names = sorted(name.removesuffix(_A) for name in file.tensors if name.endswith(_A))
        if kind != (GGUFType.ADAPTER, "lora") or not isinstance(alpha, float) or len(file.tensors) != 2 * len(names):
            raise ValueError(f"{path} is no LoRA adapter")
        pairs = {name: (_tensor(file, name + _A), _tensor(file, name + _B)) for name in names}
        if any(len(a) != alpha or b.shape[1] != alpha for a, b in pairs.values()):
            raise ValueError(f"{path} has another rank than alpha ({alpha:g}), so llama.cpp would scale its tensors")
        return cls(file, mark, alpha, pairs)

    def error(self, base: GgufFile) -> float:
        """Difference of its change of a base's weights from the edit's, relative to that, where it is worst.

        Raises:
            ValueError: If the base has no such tensor, or one of another shape.
        """
        columns, worst = columns_of(base, self.mark.edit), 0.0
        if columns.keys() != self.pairs.keys():
            raise ValueError(f"{self.file.path} is for {', '.join(self.pairs)}, but its edit for {', '.join(columns)}")
        for name, (a, b) in self.pairs.items():
            tensor = base.tensors[name]
            if (tensor.n_rows, tensor.width) != (len(b), a.shape[1]):
                raise ValueError(f"{name} has another shape in {base.path} than in {self.file.path}")
            weight = torch.cat([torch.from_numpy(values_of(tensor, rows).copy()) for rows in base.rows(tensor)])
            wanted = weight.double() * torch.from_numpy(columns[name] - 1)
            worst = max(worst, float((b.double() @ a.double() - wanted).norm() / wanted.norm()))
        return worst


def _tensor(file: GgufFile, name: str) -> Tensor:
    if name not in file.tensors:
        raise ValueError(f"{file.path} is no LoRA adapter: it has no {name}")
    tensor = file.tensors[name]
    return torch.cat([torch.from_numpy(values_of(tensor, rows).copy()) for rows in file.rows(tensor)])


def _digest(tensors: Mapping[str, NDArray[np.float32]]) -> str:
    """Hash of tensors as they follow each other in the file."""
    return sha256_of_pieces(values.tobytes() + bytes(-values.nbytes % 32) for values in tensors.values())
