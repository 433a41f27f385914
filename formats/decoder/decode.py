"""Decodes one label file: python formats/decoder/decode.py FILE --inputs X.npz [-o LABELS.npy]; or one text file:
python formats/decoder/decode.py FILE [-o TEXT]."""

import argparse
import sys
import zipfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from decoder.cnn import cnn
from decoder.colour_images import ColourImages
from decoder.features import digest, features
from decoder.frame import Damaged, Unsupported, read_frame
from decoder.graphs import network
from decoder.grey_images import GreyImages
from decoder.kernel import Kernel
from decoder.label_file import decode_uniform, index_digest, label_digest, parse
from decoder.mixture import run
from decoder.mlp import mlp
from decoder.named_networks import NUMBERS, named
from decoder.network_section import decode_network
from decoder.portfolio import Portfolio
from decoder.portfolio import run as run_portfolio
from decoder.real_mixture import decode_uniform_reals
from decoder.real_predictors import decode_reals
from decoder.subspace import decode_subspace, read_subspace
from decoder.switching import Several
from decoder.table import rows_of, table
from decoder.text_file import decode_text
from decoder.two_part import decode_two_part, decode_two_part_reals, read_two_part
from decoder.variational import check_sampled, decode_variational, read_sampled, read_variational

LEARNERS = {1: mlp, 2: cnn, 3: Kernel, 14: GreyImages, 19: ColourImages}
LEARNERS |= {number: named(number) for number in NUMBERS}
NETWORKS = {2: read_two_part, 3: read_two_part, 4: read_subspace, 5: read_variational}  # by code


def check_network(file):
    """Raises Unsupported for a code that does not know the file's network, or real numbers."""
    learned = {(0, 0), (6, 0), (1, 1), (1, 3)}
    if file.grid is None:
        learned |= {(1, 2), (1, 14), (1, 19), (6, 14), (6, 19), *((1, number) for number in NUMBERS)}
    if file.code in (NETWORKS if file.grid is None else (2, 3)):
        vertices = network(file.net, file.own)
        if file.code == 4 and any(v.node == "normalisation" for v in vertices):
            raise Unsupported("running statistics in this code")
        if file.code == 5:
            check_sampled(vertices)
        return
    if (file.code, file.net) not in learned:
        raise Unsupported(f"code {file.code} with network {file.net}")


def classes_of(file, x):
    """Classes of a file of kind 0, under the features x of all its examples."""
    check_network(file)
    if file.n == 0 or file.k == 1:
        return np.zeros(file.n, np.int64)
    if file.code == 0:
        return decode_uniform(file.payload, file.n, file.k)
    if file.code == 1:
        learner = LEARNERS[file.net](x, file.k, file.preset, file.seed)
        coded = run_portfolio if isinstance(learner, Portfolio) else run
        return coded(learner, file.n, file.k, file.payload)[0]
    if file.code in (2, 3):
        return decode_two_part(file, x)
    if file.code == 4:
        return decode_subspace(file, x)
    if file.code == 5:
        return decode_variational(file, x)
    portfolio = Several(x, file.k, file.preset, file.seed, net=file.net)
    return run_portfolio(portfolio, file.n, file.k, file.payload)[0]


def indices_of(file, x):
    """Indices of a file of kind 2, under the features x of all its examples."""
    check_network(file)
    if file.grid.low == file.grid.high:
        return [file.grid.low] * file.n
    if file.code == 0:
        return decode_uniform_reals(file.grid, file.n, file.payload)
    if file.code in (2, 3):
        return decode_two_part_reals(file, x)
    return decode_reals(x, file.net, file.preset, file.seed, file.grid, file.payload)[0]


def network_of(blob, x):
    """(vertices, tensors) of the network that a file transmits, for the features x."""
    file = parse(blob)
    return NETWORKS[file.code](file, x)[:2]


def tensors_of(blob):
    """Tensors (name, type, patterns) of a network file ("Network files" of container.md); of a sample, (vertices,
    tensors)."""
    kind, body = read_frame(blob)
    if kind == 3:
        return read_sampled(body)
    if kind != 1:
        raise Unsupported("not a network file")
    return decode_network(body)


def decode(blob, x, inputs_digest):
    """Labels of a file's bytes, in their dtype, from features x (n, ..) and the digest of the inputs.

    Raises Damaged for other inputs, and where the digest of the labels says that they are wrong.
    """
    file = parse(blob)
    if len(x) != file.n or inputs_digest[:4] != file.input_digest:
        raise Damaged("these are not the inputs that the labels were coded with")
    if file.grid is not None:
        indices = indices_of(file, x)
        if index_digest(indices) != file.label_digest:
            raise Damaged("the labels are damaged")
        return file.grid.values(indices)
    classes = classes_of(file, x)
    if label_digest(classes) != file.label_digest:
        raise Damaged("the labels are damaged")
    return file.values[classes]


def _inputs(path, file):
    """(features, digest) of an .npz with an array x, an .npy, or a table, with the label column or without."""
    if path.suffix in (".npz", ".npy"):
        held = np.load(path, allow_pickle=False)
        x = (held["x"] if path.suffix == ".npz" else held)[: file.n]
        return features(x), digest(x)
    index, name = file.column or (None, None)
    named = None if file.column is None else name is not None
    data, given = path.read_bytes(), None
    columns = len(rows_of(data)[0])
    for label in [index, None] if index is not None and index < columns > 1 else [None]:
        given = table(data, label, file.n, named)
        if given[1][:4] == file.input_digest:
            break
    return given


def main(arguments=None):
    """Writes the labels as an .npy file; 1 for a damaged file, 2 for what cannot be read or written, 3 for what
    this decoder lacks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--inputs", type=Path, help="of labels: .npz with an array x, .npy, or .csv")
    parser.add_argument(
        "-o", "--output", type=Path, help="default: FILE's name with -labels.npy, or without .mdl, here"
    )
    given = parser.parse_args(arguments)
    output = given.output or Path(f"{given.file.stem}-labels.npy")
    try:
        blob = given.file.read_bytes()
        if read_frame(blob)[0] == 4:
            text, output = decode_text(blob), given.output or Path(given.file.stem)
            with open(output, "xb" if given.output is None else "wb") as stream:
                stream.write(text)
            print(f"{len(text)} bytes of text in {output}")
            return 0
        file = parse(blob)
        if given.inputs is None:
            print("labels need --inputs", file=sys.stderr)
            return 2
        try:
            inputs = _inputs(given.inputs, file)
        except (KeyError, ValueError, IndexError, zipfile.BadZipFile) as error:
            print(f"{given.inputs}: no .npz with an array x, no .npy and no table: {error}", file=sys.stderr)
            return 2
        labels = decode(blob, *inputs)
        with open(output, "xb" if given.output is None else "wb") as stream:
            np.save(stream, labels, allow_pickle=False)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    except Damaged as error:
        print(f"{given.file}: {error}", file=sys.stderr)
        return 1
    except Unsupported as error:
        print(f"{given.file}: not supported here: {error}", file=sys.stderr)
        return 3
    print(f"{len(labels)} labels in {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
