"""The trial before the arithmetic was frozen: digits per operand against accuracy and speed.

    python bench/digits_trial.py --part accuracy --mnist DIR --cifar DIR -o bench/results/digits_accuracy.json

Trains LeNet-300-100 on MNIST (Adam) and a convolutional network with batch normalisation on 20,000 images
of CIFAR-10 (SGD with momentum) for each choice of digits, by the same seed, beside ordinary float32; and
times forward and backward of convolutions. Test data: MNIST's 10,000 test images, 2,000 of CIFAR-10's.
"""

import argparse
import gzip
import json
import platform
import time
from pathlib import Path

import numpy as np
import torch
from machine import machine

from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.linear import Arithmetic, Convolution, Digits
from mdlcodec.exact.optimisers import Adam
from mdlcodec.exact.random import Stream
from mdlcodec.nn import nodes
from mdlcodec.nn.exact_training import Network
from mdlcodec.nn.graph import Graph, channels_first, sequence
from mdlcodec.nn.node import Node

CHOICES = [(2, 2, 2), (2, 1, 2), (1, 1, 2), (2, 2, 1), (1, 1, 1)]
BATCH = 128


class Momentum:
    """Stochastic gradient descent with momentum 0.9 and weight decay, a float32 rounding for each operation."""

    def __init__(self, weights: np.ndarray) -> None:
        self._velocity = np.zeros_like(weights)

    def step(self, weights: np.ndarray, gradient: np.ndarray, rate: float, decay: float) -> None:
        """One update in place."""
        self._velocity *= np.float32(0.9)
        self._velocity += gradient + np.float32(decay) * weights
        weights -= np.float32(rate) * self._velocity


def mnist(folder: Path, which: str) -> tuple[np.ndarray, np.ndarray]:
    """Images float32 (n, 784) in [0, 1] and labels."""
    raw = gzip.open(folder / f"{which}-images-idx3-ubyte.gz").read()
    x = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 784).astype(np.float32) / np.float32(255)
    y = np.frombuffer(gzip.open(folder / f"{which}-labels-idx1-ubyte.gz").read(), np.uint8, offset=8)
    return x, y.astype(np.int64)


def cifar(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """20,000 training and 2,000 test images float32 (n, 32, 32, 3) and labels."""
    from PIL import Image

    def tiles(name: str, n: int) -> np.ndarray:
        sheet = np.asarray(Image.open(folder / name).convert("RGB"))
        return sheet.reshape(-1, 32, 100, 32, 3).transpose(0, 2, 1, 3, 4).reshape(-1, 32, 32, 3)[:n]

    labels = np.load(folder / "labels.npz")
    x = np.concatenate([tiles("train_0.webp", 10000), tiles("train_1.webp", 10000)])
    test = tiles("test.webp", 9966)[::5][:2000]
    scale = np.float32(64)
    return (
        (x.astype(np.float32) - 120) / scale,
        labels["train_label"][:20000].astype(np.int64),
        (test.astype(np.float32) - 120) / scale,
        labels["test_label"][::5][:2000].astype(np.int64),
    )


def lenet_300_100(digits: Digits) -> Graph:
    """Fully connected, 266,610 weights; ``digits``: of all products."""
    return sequence(
        nodes.Linear(300, digits=digits),
        nodes.Rectify(),
        nodes.Linear(100, digits=digits),
        nodes.Rectify(),
        nodes.Linear(10, 1.0, digits),
    )


def small_cnn(digits: Digits) -> Graph:
    """Three convolutions with batch normalisation; ``digits``: of all products."""
    layers: list[Node] = []
    for channels in (32, 64, 128):
        convolution = nodes.Convolution(channels, padding=1, digits=digits)
        layers += [convolution, nodes.Normalisation(), nodes.Rectify(), nodes.MaxPooling()]
    return sequence(*layers[:-1], nodes.AveragePooling(), nodes.Linear(10, 1.0, digits))


def train(graph_of, optimiser, rate, data, digits, engine, epochs):
    """Returns test error, mean loss of the last epoch, seconds an epoch."""
    x, y, test_x, test_y = data
    graph, arithmetic = graph_of(Digits(*digits)), Arithmetic(ENGINES[engine])
    network = Network(graph, channels_first(x.shape[1:]), arithmetic, Stream(1, 1), Stream(1, 2))
    rule = optimiser(network.weights)
    order, steps = Stream(1, 3), epochs * (len(x) // BATCH)
    start, done = time.perf_counter(), 0
    for _ in range(epochs):
        permutation, losses = order.permutation(len(x)), []
        for first in range(0, len(x) - BATCH + 1, BATCH):
            rows = permutation[first : first + BATCH]
            loss, gradient, _ = network.gradient(x[rows], y[rows], 0.0)
            rule.step(network.weights, gradient, rate * (1.0 - done / steps), 0.0)
            losses.append(loss)
            done += 1
    seconds = (time.perf_counter() - start) / epochs
    predicted = np.concatenate([network.predict(part, network.vector) for part in np.array_split(test_x, 20)])
    return float(np.mean(predicted.argmax(1) != test_y)), float(np.mean(losses)), seconds


def _module(node: Node, shape: tuple[int, ...], arrays: list[torch.Tensor]) -> torch.nn.Module:
    """The float32 module of a node whose input has that shape, (c, h, w) or (d,), with these weights."""
    if isinstance(node, nodes.Linear):
        linear = torch.nn.Linear(shape[0], node.width)
        linear.weight.data, linear.bias.data = arrays
        return linear
    if isinstance(node, nodes.Convolution):
        convolution = torch.nn.Conv2d(shape[0], node.channels, node.kernel, padding=node.padding)
        convolution.weight.data, convolution.bias.data = arrays
        return convolution
    if isinstance(node, nodes.Normalisation):
        return torch.nn.BatchNorm2d(shape[0])
    if isinstance(node, nodes.MaxPooling):
        return torch.nn.MaxPool2d(node.kernel, node.stride)
    if isinstance(node, nodes.AveragePooling):
        return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    return torch.nn.ReLU()


def train_float32(graph_of, optimiser, rate, data, epochs):
    """The same in ordinary float32 torch: same initial weights, same batches."""
    x, y, test_x, test_y = data
    graph, entering = graph_of(Digits(2, 2, 2)), channels_first(x.shape[1:])
    initial, modules = Stream(1, 1), []
    for vertex, shapes in graph.entering(entering):
        held = vertex.node.initial(initial, *shapes)
        parameters = vertex.node.parameters(*shapes).values()
        arrays = [torch.from_numpy(p.from_held(a)) for p, a in zip(parameters, held, strict=True)]
        modules.append(_module(vertex.node, shapes[0], arrays))
    net = torch.nn.Sequential(*modules)
    if len(x.shape) == 4:
        net = net.to(memory_format=torch.channels_last)
    rule = (
        torch.optim.Adam(net.parameters(), rate)
        if optimiser is Adam
        else torch.optim.SGD(net.parameters(), rate, momentum=0.9)
    )
    tensor = torch.from_numpy(x if len(x.shape) == 2 else x.transpose(0, 3, 1, 2))
    order, steps, done = Stream(1, 3), epochs * (len(x) // BATCH), 0
    begin = time.perf_counter()
    for _ in range(epochs):
        permutation, losses = order.permutation(len(x)), []
        for first in range(0, len(x) - BATCH + 1, BATCH):
            rows = permutation[first : first + BATCH]
            for group in rule.param_groups:
                group["lr"] = rate * (1.0 - done / steps)
            loss = torch.nn.functional.cross_entropy(net(tensor[rows]), torch.from_numpy(y[rows]))
            rule.zero_grad()
            loss.backward()
            rule.step()
            losses.append(loss.item())
            done += 1
    seconds = (time.perf_counter() - begin) / epochs
    net.eval()
    test = torch.from_numpy(test_x if len(x.shape) == 2 else test_x.transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        error = float((net(test).argmax(1).numpy() != test_y).mean())
    return error, float(np.mean(losses)), seconds


def convolution_seconds(shape, digits, engine) -> float:
    """Median of five: forward and backward of one convolution."""
    n, height, channels, outputs = shape
    arithmetic = Arithmetic(ENGINES[engine], Digits(*digits))
    x = torch.from_numpy(Stream(1, 1).normals((n, height, height, channels))).requires_grad_()
    w = torch.from_numpy(Stream(1, 2).normals((outputs, 3, 3, channels))).requires_grad_()
    b = torch.zeros(outputs, requires_grad=True)
    g = torch.from_numpy(Stream(1, 3).normals((n, height, height, outputs)))
    times = []
    for _ in range(6):
        begin = time.perf_counter()
        torch.autograd.grad(Convolution.apply(x, w, b, 1, arithmetic), [x, w, b], g)
        times.append(time.perf_counter() - begin)
    return float(np.median(times[1:]))


def convolution_float32_seconds(shape) -> float:
    """The same in ordinary float32, channels last."""
    n, height, channels, outputs = shape
    x = torch.randn(n, channels, height, height).to(memory_format=torch.channels_last).requires_grad_()
    w = torch.randn(outputs, channels, 3, 3).to(memory_format=torch.channels_last).requires_grad_()
    g = torch.randn(n, outputs, height, height).to(memory_format=torch.channels_last)
    times = []
    for _ in range(6):
        begin = time.perf_counter()
        torch.autograd.grad(torch.nn.functional.conv2d(x, w, padding=1), [x, w], g)
        times.append(time.perf_counter() - begin)
    return float(np.median(times[1:]))


def main() -> None:
    """Runs the trial and writes one JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("--cifar", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--part", choices=["speed", "accuracy"], required=True)
    parser.add_argument("-o", type=Path, required=True)
    options = parser.parse_args()
    result: dict = {
        "machine": machine(),
        "versions": {
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "seed": 1,
        "batch": BATCH,
        "epochs": options.epochs,
        "digits": "weights, activations, gradients",
        "rows": [],
    }
    train_set, test_set = mnist(options.mnist, "train"), mnist(options.mnist, "t10k")
    sets = {
        "mnist, LeNet-300-100, Adam 1e-3": (lenet_300_100, Adam, 1e-3, (*train_set, *test_set)),
        "cifar10 20,000, CNN with batch norm, SGD 0.05": (small_cnn, Momentum, 0.05, cifar(options.cifar)),
    }

    def report(row: dict) -> None:
        result["rows"].append(row)
        print(json.dumps(row), flush=True)
        options.o.write_text(json.dumps(result, indent=1) + "\n")

    shapes = {
        "128x8x8 128->256": (128, 8, 128, 256),
        "128x14x14 32->64": (128, 14, 32, 64),
        "128x28x28 1->32": (128, 28, 1, 32),
    }
    for name, shape in shapes.items() if options.part == "speed" else ():
        report({"convolution": name, "digits": "float32", "seconds": convolution_float32_seconds(shape)})
        for digits in CHOICES:
            for engine in ENGINES:
                report(
                    {
                        "convolution": name,
                        "digits": digits,
                        "engine": engine,
                        "seconds": convolution_seconds(shape, digits, engine),
                    }
                )
    for name, (graph_of, optimiser, rate, data) in sets.items() if options.part == "accuracy" else ():
        error, loss, seconds = train_float32(graph_of, optimiser, rate, data, options.epochs)
        report(
            {
                "training": name,
                "digits": "float32",
                "test_error": error,
                "loss": loss,
                "epoch_seconds": seconds,
            }
        )
        for digits in CHOICES:
            error, loss, seconds = train(graph_of, optimiser, rate, data, digits, "int8", options.epochs)
            report(
                {
                    "training": name,
                    "digits": digits,
                    "engine": "int8",
                    "test_error": error,
                    "loss": loss,
                    "epoch_seconds": seconds,
                }
            )


if __name__ == "__main__":
    main()
