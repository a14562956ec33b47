"""GGUF files as people download them, edited; and one of 5 GB, in bounded memory."""

import subprocess
import sys

import numpy as np
import pytest
from fetch_models import MODELS, fetch_model
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFWriter
from gguf_files import rows

import headpursuit as hp
from headpursuit.models import edit_gguf, verify_gguf
from headpursuit.models.checkpoints.gguf_file import read_gguf
from headpursuit.models.export.gguf import undo_gguf
from headpursuit.models.export.gguf.blocks import values_of
from headpursuit.models.model_cache import cache_folder

pytestmark = [pytest.mark.real, pytest.mark.slow]

CASES = {
    "smollm2-135m": ({"L29H2": -1, "L23H4": -1}, 4608, 270, 64),
    "gemma-3-270m": ({"L11H1": -1, "L15H0": -1}, 2560, 234, 256),
    "qwen2.5-coder-0.5b": ({"L3H1": -1, "L15H0": -1}, 3584, 289, 64),
}
"""Edit, bytes of tensors changed, tensors that stay, width of a head."""


def values(file, name):
    return np.concatenate([values_of(file.tensors[name], some) for some in file.rows(file.tensors[name])])


@pytest.mark.parametrize("name", CASES)
def test_an_edit_changes_a_few_thousand_bytes_and_is_taken_back(name, tmp_path):
    try:
        source = fetch_model(MODELS[name], cache_folder())
    except OSError as error:
        pytest.skip(str(error))
    edit, n_bytes, same, d_head = CASES[name]
    done = edit_gguf(source, hp.Edit(edit), tmp_path / "e.gguf")
    assert done.n_bytes == n_bytes
    assert done.n_tensors - len(done.changes) == same
    before, after = read_gguf(source), read_gguf(tmp_path / "e.gguf")
    for head in hp.Edit(edit):
        tensor = f"blk.{head.layer}.attn_output.weight"
        one, other = values(before, tensor), values(after, tensor)
        place = np.s_[:, head.index * d_head : (head.index + 1) * d_head]
        assert np.array_equal(other[place], -one[place])
        assert (one != other).sum() == (one[place] != 0).sum()
    assert "bit by bit" in verify_gguf(tmp_path / "e.gguf")
    assert undo_gguf(tmp_path / "e.gguf", tmp_path / "back.gguf")


def sparse(path, size):
    """A file of about `size` bytes, most of which are holes: one tensor behind a projection."""
    writer, numbers = GGUFWriter(path, "llama"), rows(Kind.Q4_K, 4096, 4096)
    writer.add_uint32("llama.attention.head_count", 32)
    writer.add_tensor_info("blk.0.attn_output.weight", numbers.shape, numbers.dtype, numbers.nbytes, Kind.Q4_K)
    wide = size // 2 // 4096
    writer.add_tensor_info("token_embd.weight", (wide, 4096), np.dtype(np.float16), wide * 4096 * 2)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    end = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(end + -end % 32)
        file.write(numbers.tobytes())
        file.truncate(file.tell() + wide * 4096 * 2)
    return path


CHILD = """
import resource, sys
from headpursuit import Edit
from headpursuit.models import edit_gguf
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(edit_gguf(sys.argv[1], Edit({"L0H2": -1, "L0H3": -1}), sys.argv[2]).changes[0])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_file_of_5_gb_is_edited_in_bounded_memory(tmp_path):
    path = sparse(tmp_path / "big.gguf", 5_000_000_000)
    assert path.stat().st_size > 5e9
    arguments = [sys.executable, "-c", CHILD, str(path), str(tmp_path / "e.gguf")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert int(done.stdout.splitlines()[-1]) < 300_000  # KB, beside what importing took
