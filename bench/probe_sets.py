"""Sets of probes: representations (n, 768) of real inputs, and labels.

DIR holds mnist/ and fashion_mnist/ (IDX folders), text/ (alice29.txt, plrabn12.txt, wikitext2_valid.txt.xz), nets/
(resnet20-12fca82f.th) and cifar10.npz (what bench/cifar10_arrays.py makes), with cifar10_test.npz beside it.
"""

import gzip
import lzma
import re
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

WIDTH, CLASSES = 768, 17


def random_filters(images: np.ndarray, seed: int) -> np.ndarray:
    """48 random 5x5 filters, rectified, averaged over 4x4 places: (n, 768)."""
    generator = torch.Generator().manual_seed(seed)
    filters = torch.randn(48, 1, 5, 5, generator=generator)
    filters = filters - filters.mean((1, 2, 3), keepdim=True)
    filters = filters / filters.flatten(1).norm(dim=1)[:, None, None, None]
    x = torch.tensor(images, dtype=torch.float32)[:, None] / 255
    out = []
    for start in range(0, len(x), 500):
        maps = torch.relu(functional.conv2d(x[start : start + 500], filters, padding=2) - 0.1)
        out.append(functional.adaptive_avg_pool2d(maps, (4, 4)).flatten(1).numpy())
    return np.concatenate(out)


def digits_or_clothes(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of an IDX folder."""
    images = gzip.open(folder / f"{part}-images-idx3-ubyte.gz").read()
    labels = gzip.open(folder / f"{part}-labels-idx1-ubyte.gz").read()
    return np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28), np.frombuffer(
        labels, np.uint8, offset=8
    )


def clusters(n: int, seed: int, noise: float, a_class: int) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian clusters, several to a class, through a random layer of tanh; some labels are drawn at random."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(CLASSES * a_class, WIDTH))
    which = generator.integers(CLASSES * a_class, size=n)
    weights = generator.normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH)
    x = np.tanh((centres[which] + 4.0 * generator.normal(size=(n, WIDTH))) @ weights)
    y, drawn = which % CLASSES, generator.random(n) < noise
    y[drawn] = generator.integers(CLASSES, size=drawn.sum())
    return x.astype(np.float32), y


def _hashed(words: list[str]) -> np.ndarray:
    """Trigrams of words, and words, by their places, hashed with signs."""
    out = np.zeros(WIDTH, np.float32)
    for place, word in enumerate(words):
        text = f"<{word}>"
        parts = [(f"{place}{text[i : i + 3]}", 1) for i in range(len(text) - 2)] + [(f"{place}={word}", 2)]
        for part, weight in parts:
            key = zlib.crc32(part.encode())
            out[key % WIDTH] += weight if key >> 16 & 1 else -weight
    return out


def next_words(text: str, n: int, context: int) -> tuple[np.ndarray, np.ndarray]:
    """The words before one, and which of the 16 most frequent ones it is, or another."""
    words = re.findall(r"[a-z]+|[.,;]", text.lower())
    classes = {word: i for i, (word, _) in enumerate(Counter(words).most_common(CLASSES - 1))}
    step = max(1, (len(words) - context - 1) // n)
    places = list(range(context, len(words) - 1, step))[:n]
    x = np.array([_hashed(words[i - context + 1 : i + 1][::-1]) for i in places])
    return x, np.array([classes.get(words[i + 1], CLASSES - 1) for i in places])


def resnet20_stage(weights: Path, stage: int, images: np.ndarray) -> np.ndarray:
    """Maps (n, 768) of a stage of a trained ResNet-20, averaged over places."""
    held = torch.load(weights, map_location="cpu", weights_only=True)["state_dict"]
    held = {name.replace("module.", ""): value for name, value in held.items()}
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = torch.tensor(images, dtype=torch.float32) / 255
    x = ((x - mean) / deviation).permute(0, 3, 1, 2)
    places = {1: (8, 6), 2: (6, 4), 3: (4, 3)}[stage]

    def normalised(maps: torch.Tensor, name: str) -> torch.Tensor:
        names = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(maps, *(held[f"{name}.{part}"] for part in names), False)

    def block(maps: torch.Tensor, name: str, stride: int) -> torch.Tensor:
        inner = functional.conv2d(maps, held[f"{name}.conv1.weight"], stride=stride, padding=1)
        inner = functional.relu(normalised(inner, f"{name}.bn1"))
        inner = normalised(functional.conv2d(inner, held[f"{name}.conv2.weight"], padding=1), f"{name}.bn2")
        if stride == 2:
            more = (inner.shape[1] - maps.shape[1]) // 2
            maps = functional.pad(maps[:, :, ::2, ::2], (0, 0, 0, 0, more, more))
        return functional.relu(inner + maps)

    out = []
    with torch.no_grad():
        for start in range(0, len(x), 500):
            maps = functional.conv2d(x[start : start + 500], held["conv1.weight"], padding=1)
            maps = functional.relu(normalised(maps, "bn1"))
            for number in range(1, stage + 1):
                for i in range(3):
                    maps = block(maps, f"layer{number}.{i}", 2 if number > 1 and i == 0 else 1)
            out.append(functional.adaptive_avg_pool2d(maps, places).flatten(1).numpy())
    return np.concatenate(out)


# chosen on: the first; measured on: the others
CHOSEN_ON = ("clusters", "fashion", "alice", "resnet20 stage 1, test")
MEASURED_ON = ("mnist", "resnet20 stage 2", "resnet20 stage 3", "wikitext2", "plrabn12", "noisy clusters")


def made(name: str, n: int, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The set of that name: float32 (n, 768) and integers (n,)."""
    order = np.random.default_rng(5).permutation
    if name == "clusters":
        return clusters(n, 0, 0.05, 3)
    if name == "noisy clusters":
        return clusters(n, 7, 0.2, 1)
    if name in ("fashion", "mnist"):
        images, labels = digits_or_clothes(
            folder / {"fashion": "fashion_mnist", "mnist": "mnist"}[name],
            "t10k" if name == "fashion" else "train",
        )
        chosen = order(len(labels))[:n]
        return random_filters(images[chosen], 0 if name == "fashion" else 3), labels[chosen]
    if name.startswith("resnet20"):
        with np.load(folder / ("cifar10_test.npz" if name.endswith("test") else "cifar10.npz")) as held:
            chosen = order(len(held["y"]))[:n]
            images, labels = held["x"][chosen], held["y"][chosen]
        stage = int(name.split()[2].rstrip(","))
        return resnet20_stage(folder / "nets" / "resnet20-12fca82f.th", stage, images), labels
    if name == "alice":
        return next_words((folder / "text" / "alice29.txt").read_text(errors="replace"), n, 2)
    if name == "plrabn12":
        return next_words((folder / "text" / "plrabn12.txt").read_text(errors="replace"), n, 3)
    text = lzma.open(folder / "text" / "wikitext2_valid.txt.xz").read().decode(errors="replace")
    return next_words(text, n, 2)
