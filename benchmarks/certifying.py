"""Finding and proving all heads when a model is loaded, and taking the certificate from the cache.

Run: python benchmarks/certifying.py
"""

import tempfile
from pathlib import Path

import torch
from common import report, seconds, smollm2

from headpursuit.models import certified as room
from headpursuit.models.anatomy import probe_input


def main() -> None:
    """Fresh, and kept, in units of a forward pass of the probe."""
    with tempfile.TemporaryDirectory() as folder:
        room.certificates_folder = lambda: Path(folder)
        network = smollm2().network
        inputs = probe_input(network)
        with torch.no_grad():
            forward, _ = seconds(lambda: network(**inputs, use_cache=False), 9)
        fresh, known = seconds(lambda: room.certified(network, keep=True, fresh=True))

        def read() -> object:
            file = room._file(network, ())
            assert file is not None
            return room._read(file)

        kept, again = seconds(read)
    rows = {
        "seconds, fresh": round(fresh, 2),
        "seconds, kept": round(kept, 3),
        "fresh / forward pass of 7 tokens": round(fresh / forward, 1),
        "the same": known == again,
    }
    report("certifying", rows, "cpu")


if __name__ == "__main__":
    main()
