"""formats/decoder/, a decoder written from formats/*.md alone, against the golden files.

The slowest goldens are left to bench/second_decoder.py, which runs every check of this file.
"""

import ast
import hashlib
import json
import shutil
import sys
from functools import partial
from pathlib import Path

import long_cases
import network_view_cases
import numpy as np
import plain_cases
import pytest
import real_cases
import refused_cases
import sampled_cases
import subspace_cases
import text_cases
import two_part_cases
import two_part_reals_cases
import variational_cases
from label_sets import CASES, SWITCHED
from test_entropy import golden_messages
from test_golden_files import NOT_LEARNED
from test_network_section import OUT_OF_RANGE, Tensor, eight_bits, golden_tensors

from mdlcodec import data
from mdlcodec.descriptions.tensors.network_section import encode_network
from mdlcodec.exact.random import Stream as PackageStream
from mdlcodec.files import labels as package_labels

sys.path.insert(0, str(Path(__file__).parents[1] / "formats"))

from decoder.cnn import cnn
from decoder.colour_images import ColourImages
from decoder.decode import decode, indices_of, main, network_of, tensors_of
from decoder.features import digest, features
from decoder.frame import Damaged, Unsupported
from decoder.grey_images import GreyImages
from decoder.kernel import Kernel
from decoder.label_file import label_digest, parse
from decoder.mixture import Mixture, run
from decoder.mlp import mlp
from decoder.named_networks import named
from decoder.network_section import decode_network
from decoder.portfolio import Portfolio
from decoder.portfolio import run as run_portfolio
from decoder.random_numbers import Stream as RandomStream
from decoder.range_coder import Decoder, Encoder, frequencies
from decoder.real_predictors import decode_reals
from decoder.switching import Several
from decoder.text_file import decode_text
from decoder.two_part import outputs_of

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "good"
LEARNERS = {"mlp": mlp, "cnn": cnn, "kernel": Kernel, "colour": ColourImages, "grey": GreyImages}
LEARNERS |= {"lenet-300-100": named(5), "tiny-cnn": named(16)}
LARGE = {"large images in colour": 19, "large grey images": 14}


def _recorded(folder, name):
    return json.loads((GOLDEN / folder / f"{name}.json").read_text())


def check_file(folder, name, x, y):
    """A label file's digests of inputs and labels, and its labels."""
    labels = decode((GOLDEN / folder / f"{name}.mdl").read_bytes(), features(x), digest(x))
    assert (labels.dtype, labels.tobytes()) == (y.dtype, y.tobytes())


def network_digests(blob, x):
    """Hashes of the weights and scores of the network that a file transmits, as in score_digests.of_network."""
    vertices, tensors = network_of(blob, features(x))
    scores = outputs_of(vertices, tensors, features(x))
    assert {scores.dtype, *(t.dtype for t in tensors)} == {np.dtype(np.float32)}
    return {
        "scores": hashlib.sha256(scores.tobytes()).hexdigest(),
        "weights": hashlib.sha256(b"".join(t.tobytes() for t in tensors)).hexdigest(),
    }


def run_any(predictor, n, k, payload, given=None):
    """(classes, payload written again, scores, mixture) of one predictor, or of several side by side."""
    if isinstance(predictor, Portfolio):
        mixture = Mixture(k, len(predictor.layout()))
        labels, again, scores, _ = run_portfolio(predictor, n, k, payload, given, mixture)
        return labels, again, scores, mixture
    mixture = Mixture(k, predictor.sets)
    labels, again, scores = run(predictor, n, k, payload, given, mixture)
    return labels, again, scores, mixture


def learned(blob, case, y=None):
    """(classes, payload written again, hashes as in score_digests.of_learner) of a file; of labels y if given."""
    x, file = features(case.x), parse(blob)
    given = None if y is None else np.searchsorted(file.values, y)
    if case.code == "prequential":
        predictor = LEARNERS[{19: "colour", 14: "grey"}.get(file.net, case.net)](
            x, file.k, file.preset, file.seed
        )
    else:
        predictor = Several(x, file.k, file.preset, file.seed, case.few)
    labels, again, scores, mixture = run_any(predictor, file.n, file.k, file.payload, given)
    held = b"".join(np.ascontiguousarray(s).tobytes() for s in scores)
    digests = {
        "scores": hashlib.sha256(held).hexdigest(),
        "probabilities": hashlib.sha256(np.array(mixture.given).tobytes()).hexdigest(),
    }
    return labels, again, digests


def digests_of(blob, case, y):
    """Hashes of what a file's labels y are coded under (bench/changed_order.py)."""
    if isinstance(case, long_cases.Transmitted):
        return network_digests(blob, case.x)
    if isinstance(case, real_cases.Case):
        return reals_digests(blob, case)[1]
    return learned(blob, case, y)[2]


def check_network(folder, name, x, y):
    """Labels, and every bit of the weights and scores of the network that the file transmits."""
    check_file(folder, name, x, y)
    for what, held in network_digests((GOLDEN / folder / f"{name}.mdl").read_bytes(), x).items():
        assert held == _recorded(folder, what)[name]


def check_edges():
    """Frequencies that another order would round elsewhere."""
    for row in _recorded("entropy", "edges"):
        assert frequencies([float.fromhex(value) for value in row["p"]]) == row["frequencies"]


def reals_digests(blob, case):
    """(payload written again, hashes as in score_digests.of_reals) of a file of learned real numbers."""
    x, file = features(case.x), parse(blob)
    _, again, mixture = decode_reals(x, file.net, file.preset, file.seed, file.grid, file.payload)
    held = b"".join(np.array(scores, np.float64).tobytes() for scores in mixture.scores)
    return again, {
        "scores": hashlib.sha256(held).hexdigest(),
        "experts": hashlib.sha256(np.array(mixture.weights).tobytes()).hexdigest(),
    }


def check_reals(name):
    """Values, payload and every bit of scores and of the experts' weights."""
    case, blob = real_cases.CASES[name], (GOLDEN / "reals" / f"{name}.mdl").read_bytes()
    check_file("reals", name, case.x, case.y)
    if name not in NOT_LEARNED:
        again, digests = reals_digests(blob, case)
        assert again == parse(blob).payload
        for what, held in digests.items():
            assert held == _recorded("reals", what)[name]


def check_long(name):
    """Labels, payload and every bit of the scores and probabilities."""
    case = long_cases.CASES[name]()
    if isinstance(case, long_cases.Transmitted):
        check_network("long", name, case.x, case.y)
        return
    if case.code == "uniform":
        check_file("long", name, case.x, case.y)
        return
    file = parse(blob := (GOLDEN / "long" / f"{name}.mdl").read_bytes())
    labels, again, digests = learned(blob, case)
    assert file.values[labels].tobytes() == case.y.tobytes()
    assert again == file.payload
    for what, held in digests.items():
        assert held == _recorded("long", what)[name]


def check_view(name):
    """Tensors of a section whose views, links and tools were chosen."""
    tensors = decode_network((GOLDEN / "network_views" / f"{name}.section").read_bytes())
    wanted = [chosen.tensor for chosen in network_view_cases.CASES[name]()]
    assert [(n, kind, x.shape) for n, kind, x in tensors] == [(t.name, t.dtype.name, t.shape) for t in wanted]
    assert [x.tobytes() for _, _, x in tensors] == [t.patterns.tobytes() for t in wanted]


def check_prequential(name):
    """Payload and every bit of the scores."""
    x, y, net, preset = CASES[name]
    learner = LEARNERS[{19: "colour", 14: "grey"}.get(LARGE.get(name), net)]
    predictor = learner(features(x), int(y.max()) + 1, preset, 0)
    payload = _recorded("prequential", "payloads")[name]
    labels, again, scores, _ = run_any(predictor, len(y), int(y.max()) + 1, bytes.fromhex(payload))
    assert labels.tolist() == y.tolist()
    assert again.hex() == payload
    blob = b"".join(np.ascontiguousarray(s).tobytes() for s in scores)
    assert hashlib.sha256(blob).hexdigest() == _recorded("prequential", "scores")[name]


def check_switching(name):
    """Payload, and every bit of scores and frequencies."""
    x, y, preset, few = SWITCHED[name]
    k, payload = int(y.max()) + 1, _recorded("switching", "payloads")[name]
    portfolio = Several(features(x), k, preset, 0, few, LARGE.get(name, 0))
    labels, again, scores, rows = run_portfolio(portfolio, len(y), k, bytes.fromhex(payload))
    assert labels.tolist() == y.tolist()
    assert again.hex() == payload
    blob = b"".join(np.ascontiguousarray(s).tobytes() for s in scores)
    assert hashlib.sha256(blob).hexdigest() == _recorded("switching", "scores")[name]
    blob = b"".join(np.array(f, np.uint32).tobytes() for f in rows)
    assert hashlib.sha256(blob).hexdigest() == _recorded("switching", "frequencies")[name]


def check_kernel(name):
    """Score hashes of the kernel machine on inputs made of Philox's words."""
    n, shape, k, preset = {"table": (150, (7,), 3, 5), "images": (70, (8, 8, 1), 4, 3)}[name]
    words = np.random.Philox(key=np.array([1, 2], np.uint64)).random_raw(n * int(np.prod(shape)) + n)
    x = ((words[n:] >> np.uint64(40)).astype(np.float64) / 2**24).astype(np.float32).reshape(n, *shape)
    labels = (words[:n] % np.uint64(k)).astype(np.int32)
    scores = run(Kernel(x, k, preset, 5), n, k, labels=labels)[2]
    assert hashlib.sha256(scores.astype("<f8").tobytes()).hexdigest() == _recorded("kernel", "scores")[name]


def check_section(name):
    """Tensors of a network section, bit for bit."""
    tensors = decode_network((GOLDEN / "network" / f"{name}.section").read_bytes())
    wanted = eight_bits() if name == "eight_bits" else golden_tensors()
    assert [(name, kind, x.shape) for name, kind, x in tensors] == [
        (t.name, t.dtype.name, t.shape) for t in wanted
    ]
    for (_, _, x), tensor in zip(tensors, wanted, strict=True):
        assert x.tobytes() == tensor.patterns.tobytes()


def check_container(name):
    """The frame, the header and its sections."""
    blob = (GOLDEN / "container" / f"{name}.bin").read_bytes()
    file = parse(blob)
    assert sum(file.sections.values()) == len(blob)
    assert len(file.values) == file.k
    with pytest.raises(Damaged):
        parse(blob[:-1] + bytes([blob[-1] ^ 1]))


def check_coder():
    """Frequencies, payloads and symbols."""
    lines = (GOLDEN / "entropy" / "coder.json").read_text().splitlines()
    for (p, _), line in zip(golden_messages(), lines, strict=True):
        wanted, rows = json.loads(line), [frequencies(row.tolist()) for row in p]
        assert rows[:2] == wanted["frequencies"]
        coder, again = Decoder(bytes.fromhex(wanted["payload"])), Encoder()
        symbols = [coder.symbol(row) for row in rows]
        assert symbols == wanted["symbols"]
        for s, row in zip(symbols, rows, strict=True):
            if len(row) > 1:
                again.symbol(sum(row[:s]), row[s])
        assert again.bytes().hex() == wanted["payload"]


def check_sampled_network(name):
    """The weights of a network that is a sample, bit for bit."""
    _, tensors = tensors_of((GOLDEN / "sampled" / f"{name}.mdl").read_bytes())
    weights = b"".join(np.asarray(tensor, np.float32).tobytes() for tensor in tensors)
    assert hashlib.sha256(weights).hexdigest() == _recorded("sampled", "weights")[name]


def check_text(name):
    """A text, byte by byte."""
    assert decode_text((text_cases.GOLDEN / f"{name}.mdl").read_bytes()) == text_cases.CASES[name].text


def check_refused(folder, name):
    """A file is told to be damaged, or to need a newer program."""
    blob = (GOLDEN.parent / folder / f"{name}.mdl").read_bytes()
    with pytest.raises({"bad": Damaged, "unsupported": Unsupported}[folder]):
        if name in refused_cases.NETWORKS:
            tensors_of(blob)
        elif name in refused_cases.TEXTS:
            decode_text(blob)
        else:
            x = refused_cases.inputs_of(name)
            decode(blob, features(x), digest(x))


def _checks():
    checks = {"coder": check_coder, "frequencies": check_edges}
    for folder, check, ending in (
        ("network", check_section, "section"),
        ("container", check_container, "bin"),
    ):
        for path in sorted((GOLDEN / folder).glob(f"*.{ending}")):
            if not (
                path.stem == "words" and folder == "container"
            ):  # needs zstandard, which is no part of Python
                checks[f"{folder}: {path.stem}"] = partial(check, path.stem)
    checks |= {f"kernel scores: {name}": partial(check_kernel, name) for name in ("table", "images")}
    checks |= {f"prequential: {name}": partial(check_prequential, name) for name in CASES}
    checks |= {f"switching: {name}": partial(check_switching, name) for name in SWITCHED}
    checks |= {f"reals: {name}": partial(check_reals, name) for name in real_cases.CASES}
    for module in (two_part_cases, two_part_reals_cases, subspace_cases, variational_cases):
        folder = module.GOLDEN.name
        checks |= {
            f"{folder}: {n}": partial(check_network, folder, n, c.x, c.y) for n, c in module.CASES.items()
        }
    checks |= {f"network_views: {name}": partial(check_view, name) for name in network_view_cases.CASES}
    for folder, cases in plain_cases.CASES.items():
        checks |= {
            f"{folder.name}: {n}": partial(check_file, folder.name, n, c.x, c.y) for n, c in cases.items()
        }
    checks["uniform: beyond"] = partial(check_file, "uniform", "beyond", *plain_cases.beyond())
    checks |= {f"long: {name}": partial(check_long, name) for name in long_cases.CASES}
    checks |= {f"sampled: {name}": partial(check_sampled_network, name) for name in sampled_cases.CASES}
    checks |= {f"text: {name}": partial(check_text, name) for name in text_cases.CASES}
    for folder, cases in (("bad", refused_cases.BAD), ("unsupported", refused_cases.UNSUPPORTED)):
        for name in cases:
            # without zstandard the second decoder cannot say more
            if not name.startswith("labels-compressed") or shutil.which("zstd"):
                checks[f"{folder}: {name}"] = partial(check_refused, folder, name)
    return checks


CHECKS = _checks()
# seconds each, and what they reach is reached by others, or in the bench
SLOW = {
    name
    for name in CHECKS
    if name.startswith(("prequential: cnn", "prequential: large", "switching: images", "kernel scores"))
}
SLOW |= {"reals: mlp", "reals: switching", "switching: columns, few", "switching: columns", "reals: outlier"}
SLOW |= {"reals: kernel", "reals: raw", "reals: half", "reals: float32 with infinities"}
SLOW |= {f"long: {name}" for name in ("mlp", "mlp of several", "cnn", "kernel", *LARGE)}
SLOW |= {f"long: {name}" for name in ("switching", "switching, few", "switching of images")}
SLOW |= {
    "network_views: far",
    "network_views: names",
    "long: two-part, resnet20",
    "text: lstm",
    "text: greek",
    "text: two-part, medium",
    "text: two-part, longer than windows",
}


@pytest.mark.parametrize("name", [name for name in CHECKS if name not in SLOW])
def test_golden(name):
    CHECKS[name]()


def test_what_is_left_to_the_bench_exists():
    assert SLOW < set(CHECKS)


def test_reals_are_coded_again_to_the_same_bytes():
    case = real_cases.CASES["integers"]
    file = parse((real_cases.GOLDEN / "integers.mdl").read_bytes())
    x = features(case.x)
    indices = indices_of(file, x)
    again = decode_reals(x, file.net, file.preset, file.seed, file.grid, indices=indices)[1]
    assert again == file.payload


@pytest.mark.parametrize("name", ["one block", "narrow-mlp"])
def test_other_inputs_and_damaged_labels_are_refused(name):
    case = variational_cases.CASES[name]
    blob = (variational_cases.GOLDEN / f"{name}.mdl").read_bytes()
    with pytest.raises(Damaged, match="inputs"):
        decode(blob, features(case.x), bytes(32))
    assert label_digest([0, 1]) != label_digest([1, 0])


def test_the_command_writes_the_labels(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    case = real_cases.CASES["uniform"]
    np.savez("inputs.npz", x=case.x)
    file = str(real_cases.GOLDEN / "uniform.mdl")
    assert main([file, "--inputs", "inputs.npz"]) == 0
    assert np.load("uniform-labels.npy").tobytes() == case.y.tobytes()
    np.savez("others.npz", x=case.x + 1)
    assert main([file, "--inputs", "others.npz", "-o", "no.npy"]) == 1
    assert "not the inputs" in capsys.readouterr().err
    assert not Path("no.npy").exists()
    for arguments in (
        [file, "--inputs", "inputs.npz"],  # its labels are there already
        ["no.mdl", "--inputs", "inputs.npz"],
        [file, "--inputs", "no.npz"],
        [file, "--inputs", "uniform-labels.npz"],
    ):
        np.savez("uniform-labels.npz", y=case.y)
        assert main(arguments) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_tables_with_the_label_column_and_without(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{i % 7}.5,{i * i % 11},{'ab'[i % 2]}" for i in range(12)]
    for head, name in ((["length,width,kind"], "kind"), ([], None)):
        Path("whole.csv").write_text("\n".join([*head, *rows]) + "\n")
        Path("inputs.csv").write_text("\n".join(line.rpartition(",")[0] for line in [*head, *rows]) + "\n")
        dataset = data.read("whole.csv", target=name)
        blob = package_labels.encode(dataset, code="uniform")[0]
        Path("labels.mdl").write_bytes(blob)
        for source in ("whole.csv", "inputs.csv"):
            assert main(["labels.mdl", "--inputs", source, "-o", "labels.npy"]) == 0
            assert np.load("labels.npy").tolist() == [row[-1] for row in rows]


def test_it_imports_numpy_and_the_standard_library_alone():
    allowed = {*sys.stdlib_module_names, "numpy", "decoder"}
    paths = sorted((ROOT / "formats" / "decoder").glob("*.py"))
    assert len(paths) > 20
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [node.module]
            assert {name.split(".")[0] for name in names} <= allowed, path.name


def test_links_to_tensors_without_non_zeros():
    """Views, an empty tensor, one without elements, and one that could link to them."""
    tensors = [
        Tensor.of("empty", np.zeros((4, 3), np.float32)),
        Tensor.of("none", np.zeros((0, 3), np.float32)),
        Tensor.of("weight", (np.arange(60).reshape(4, 3, 5) % 3 == 0).astype(np.float32)),
    ]
    decoded = decode_network(encode_network(tensors))
    assert [x.tobytes() for _, _, x in decoded] == [t.patterns.tobytes() for t in tensors]


def test_normals_are_the_packages():
    ours, theirs = RandomStream(7, 3, 2).normals(2000), PackageStream(7, 3, 2).normals((2000,))
    assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("tensor", OUT_OF_RANGE.values(), ids=OUT_OF_RANGE)
def test_values_that_the_type_does_not_have_are_damage(tensor):
    with pytest.raises(Damaged, match="out of range"):
        decode_network(encode_network([tensor], values="raw"))
