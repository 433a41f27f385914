"""CIFAR-10 from sheets of tiles to an .npz that mdlcodec reads.

    python bench/cifar10_arrays.py DIR OUT.npz

DIR has train_0.webp, train_1.webp, .. (lossless, 100 tiles of 32x32 a row, 10,000 a sheet, filling at the end) and
labels.npz with train_label. OUT.npz has x, uint8 (n, 32, 32, 3), and y, uint8 (n,).
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image


def tiles(path: Path) -> np.ndarray:
    """uint8 (tiles, 32, 32, 3)."""
    sheet = np.asarray(Image.open(path).convert("RGB"))
    rows = sheet.reshape(-1, 32, 100, 32, 3)  # row of tiles, y, column of tiles, x, colour
    return rows.transpose(0, 2, 1, 3, 4).reshape(-1, 32, 32, 3)


if __name__ == "__main__":
    folder, out = Path(sys.argv[1]), sys.argv[2]
    y = np.load(folder / "labels.npz")["train_label"]
    x = np.concatenate([tiles(path) for path in sorted(folder.glob("train_*.webp"))])[: len(y)]
    np.savez(out, x=x, y=y)
