"""Run by test_portability.py in a process of its own: encodes or decodes small sets under its environment.

python portability_worker.py encode FOLDER      writes NAME.mdl
python portability_worker.py decode FOLDER      reads them, checks the labels
"""

import os
import sys
from pathlib import Path

import torch
from test_prequential import CASES

import mdlcodec


def main() -> None:
    """Encodes or decodes every case."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    action, folder = sys.argv[1], Path(sys.argv[2])
    for name, (x, y, net) in CASES.items():
        file = folder / f"{name}.mdl"
        if action == "encode":
            file.write_bytes(mdlcodec.encode(x, y, net=net, preset=1))
        elif not (mdlcodec.decode(file.read_bytes(), x) == y).all():
            raise SystemExit(f"{name}: other labels")


if __name__ == "__main__":
    main()
