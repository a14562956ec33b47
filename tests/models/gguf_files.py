"""Small GGUF files with any kind of output projections, which are no whole models, and what is read of them."""

import numpy as np
from gguf import GGML_QUANT_SIZES, GGUFReader, GGUFWriter
from gguf import GGMLQuantizationType as Kind
from gguf.quants import dequantize, quantize

PLAIN = (Kind.F32, Kind.F16, Kind.BF16)
BY_32 = (Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1, Kind.Q8_0, Kind.IQ4_NL)
BY_256 = (Kind.Q2_K, Kind.Q3_K, Kind.Q4_K, Kind.Q5_K, Kind.Q6_K)

_HALVES = {Kind.IQ4_NL: (0,), Kind.Q2_K: (80, 82), Kind.Q3_K: (108,), Kind.Q4_K: (0, 2), Kind.Q5_K: (0, 2)}


def finish(writer):
    """Write what a GGUFWriter was given."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def rows(kind, n_rows=6, width=512, seed=0):
    """Rows of a kind, random: (n_rows, bytes of a row); of kinds that gguf cannot quantise to, random blocks."""
    generator = np.random.default_rng(seed)
    if kind not in (*BY_256, Kind.IQ4_NL):
        values = generator.standard_normal((n_rows, width)).astype(np.float32)
        return np.ascontiguousarray(quantize(values, kind)).view(np.uint8).reshape(n_rows, -1)
    values, size = GGML_QUANT_SIZES[kind]
    blocks = generator.integers(0, 256, (n_rows * width // values, size), dtype=np.uint8)
    for at in _HALVES.get(kind, (208,)):
        scales = generator.uniform(0.01, 1, len(blocks)).astype(np.float16)
        blocks[:, at : at + 2] = scales[:, None].view(np.uint8)
    return blocks.reshape(n_rows, -1)


def small(path, kind=Kind.Q4_1, n_heads=4, width=512, n_layers=3, more=(), **fields):
    """A file with projections of `n_layers` layers, other tensors between them, and metadata of every form."""
    writer = GGUFWriter(path, "llama")
    writer.add_uint32("llama.attention.head_count", n_heads)
    writer.add_token_list([f"t{i}" for i in range(7)])
    writer.add_array("llama.some", list(range(5000)))
    writer.add_array("llama.few", [1.5, 2.5])
    writer.add_bool("llama.flag", True)
    writer.add_float64("llama.precise", 0.1)
    for name, number in fields.items():
        writer.add_uint16(name.replace("__", "."), number)
    generator = np.random.default_rng(9)
    writer.add_tensor("token_embd.weight", generator.standard_normal((7, 16)).astype(np.float32))
    for layer in range(n_layers):
        writer.add_tensor(f"blk.{layer}.attn_norm.weight", generator.standard_normal(5).astype(np.float32))
        writer.add_tensor(f"blk.{layer}.attn_output.weight", rows(kind, width=width, seed=layer), raw_dtype=kind)
    for name, values in more:
        writer.add_tensor(name, values)
    finish(writer)
    return path


def tensors(path):
    """What gguf's own reader finds: values by name."""
    return {one.name: dequantize(one.data, one.tensor_type) for one in GGUFReader(path).tensors}


def stored_bytes(path):
    """Bytes of every tensor by name."""
    return {one.name: one.data.tobytes() for one in GGUFReader(path).tensors}


def metadata(path):
    """Key and value, as gguf's own reader finds them."""
    return {key: field.contents() for key, field in GGUFReader(path).fields.items() if not key.startswith("GGUF.")}
