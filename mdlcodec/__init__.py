"""mdlcodec: labels, and trained networks, as small files that decode to the same bits on any machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mdlcodec.errors import MdlcodecError
from mdlcodec.exact.processor_state import entry
from mdlcodec.version import VERSION

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from typing_extensions import Unpack

    from mdlcodec.bounds import BoundReport
    from mdlcodec.codes.options import Chosen
    from mdlcodec.nn import Graph
    from mdlcodec.report.comparison_table import ComparisonTable
    from mdlcodec.report.packed import Packed
    from mdlcodec.report.probe_table import ProbeTable
    from mdlcodec.report.result import Result

__version__ = VERSION

__all__ = [
    "MdlcodecError",
    "bound",
    "compare",
    "decode",
    "encode",
    "encode_labels",
    "inspect",
    "pack",
    "probe",
    "register",
    "unpack",
]


@entry
def encode(
    x: object,
    y: object,
    *,
    code: str = "auto",
    net: str = "auto",
    seed: int = 0,
    preset: int | None = None,
    device: str = "auto",
    target: str = "auto",
    precision: str | float | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    max_work: int | None = None,
    max_memory: int | None = None,
    **options: Unpack[Chosen],
) -> bytes:
    """The bytes of a file that holds the labels y of the inputs x.

    Args:
        x: (n, ...) numbers; (n, h, w) and (n, h, w, channels) are images, anything else columns.
        y: (n,) integers, bools, floats or strings.
        code, net: by name; see ``mdlcodec encode --help``.
        seed: of the network's random numbers, 0..2^64-1.
        preset: 1 (seconds) to 9 (hours), or 10, which `probe` takes; None is the program's default.
        device: where networks compute: cpu, cuda, cuda:N, or auto, which is the CPU; the bytes are the same.
        options: what only the sender chooses, None for the code's own choice. For code="two-part": sparsify, how
            its network becomes sparse, bits, the size of its codebooks (or a dict by the names of layers), and
            strength, shares (a number, or a dict by layers), gamma, rho, tamade, rgp, priced and as_published,
            as ``mdlcodec encode --help`` has them. For code="subspace": dimension, of the random subspace; for
            code="variational": prior, the variance of the prior over weights.
        target: what the labels are taken as: "classes"; "reals", which are numbers on a line; or "auto", where
            floats are reals if their different values are more than 20 and more than a quarter of the examples.
        precision: of reals: they become the nearest multiples of it, such as "0.01"; None keeps every bit.
        checkpoint: path of a file in which the state is kept, and from which the same call goes on after it was
            ended; it is removed at the end.
        max_work, max_memory: limits, in operations and in bytes; None are what the preset asks for, and 8 GiB.

    Raises:
        MdlcodecError: BadData for arguments that cannot be used, LimitExceeded (both in mdlcodec.errors).
    """
    return encode_labels(
        x,
        y,
        code=code,
        net=net,
        seed=seed,
        preset=preset,
        device=device,
        target=target,
        precision=precision,
        checkpoint=checkpoint,
        max_work=max_work,
        max_memory=max_memory,
        **options,
    ).blob


@entry
def encode_labels(
    x: object,
    y: object,
    *,
    code: str = "auto",
    net: str = "auto",
    seed: int = 0,
    preset: int | None = None,
    device: str = "auto",
    target: str = "auto",
    precision: str | float | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    max_work: int | None = None,
    max_memory: int | None = None,
    progress: Callable[[int, int, float], None] | None = None,
    **options: Unpack[Chosen],
) -> Result:
    """The labels y of the inputs x as a file, with what is known of it: see `mdlcodec.report.result.Result`.

    Args:
        x, y and the rest: as for ``encode``, which gives the file's bytes alone.
        progress: is called with the labels that are coded, how many there are, and the ideal bits so far.

    Raises:
        MdlcodecError: as ``encode``.
    """
    from mdlcodec import data
    from mdlcodec.codes import Options
    from mdlcodec.files import labels
    from mdlcodec.files.checkpoints import CheckpointFile
    from mdlcodec.files.runs import telling
    from mdlcodec.limits import Limits, readers_within
    from mdlcodec.report.result import Result

    held = None if checkpoint is None else CheckpointFile(checkpoint)
    limits = Limits.of_sender(max_work, max_memory)
    with readers_within(limits.memory):
        dataset = data.from_arrays(x, y, data.Choice.given(target, precision))
    blob, run = labels.encode(
        dataset,
        code=code,
        net=net,
        preset=preset,
        seed=seed,
        device=device,
        options=Options.of(options),
        limits=limits,
        watch=None if progress is None else telling(progress),
        checkpoint=held,
    )
    if held is not None:
        held.finish()
    return Result.of(blob, run, dataset, device, limits)


@entry
def decode(
    blob: bytes,
    x: object,
    *,
    device: str = "auto",
    checkpoint: str | os.PathLike[str] | None = None,
    max_work: int | None = None,
    max_memory: int | None = None,
) -> Any:
    """The labels in a file, (n,) with the dtype and values they were encoded from; bfloat16 as float32.

    An array; a Series or a tensor where the inputs came as a DataFrame or Series, or as a tensor.

    Args:
        blob: the file's bytes (bytes, bytearray, memoryview or an array of bytes).
        x: the inputs that the labels were encoded with.
        device: where networks compute: cpu, cuda, cuda:N, or auto, which is the CPU.
        checkpoint: as for ``encode``.
        max_work, max_memory: limits, in operations and in bytes; None are the program's defaults.

    Raises:
        MdlcodecError: BadData for arguments that cannot be used, CorruptFile, WrongInputs, Unsupported,
            LimitExceeded (all in mdlcodec.errors).
    """
    from mdlcodec.data.array_likes import in_container_of
    from mdlcodec.files import label_file, label_inputs, labels
    from mdlcodec.files.checkpoints import CheckpointFile
    from mdlcodec.limits import Limits

    held = None if checkpoint is None else CheckpointFile(checkpoint)
    decoded, _ = labels.decode(
        label_file.parse(blob),
        label_inputs.inputs_of(x),
        device=device,
        limits=Limits.given(max_work, max_memory),
        checkpoint=held,
    )
    if held is not None:
        held.finish()
    return in_container_of(x, decoded.array())


@entry
def compare(
    x: object,
    y: object,
    *,
    codes: Sequence[str] | None = None,
    x_test: object | None = None,
    y_test: object | None = None,
    preset: int | None = None,
    seed: int = 0,
    device: str = "auto",
    folder: str | os.PathLike[str] | None = None,
    max_work: int | None = None,
    max_memory: int | None = None,
) -> ComparisonTable:
    """The labels y of the inputs x under every code: Blier & Ollivier 2018, Table 1, in files.

    Each is decoded in a fresh process before it counts.

    Args:
        x, y, preset, seed, device, max_work, max_memory: as for ``encode``; y are classes.
        codes: names; all by default.
        x_test, y_test: (m, ...) and (m,), examples on which what was learned is tested.
        folder: where files are kept, and finished ones are found again by the same call; by default nowhere.

    Raises:
        MdlcodecError: BadData for arguments that cannot be used (in mdlcodec.errors). A code that fails is a row
            that says why.
    """
    from pathlib import Path

    from mdlcodec import data
    from mdlcodec.data.array_likes import as_array
    from mdlcodec.errors import BadData
    from mdlcodec.files.temporary import temporary_folder
    from mdlcodec.limits import Limits, readers_within
    from mdlcodec.predictors.presets import DEFAULT_PRESET
    from mdlcodec.report.comparison_table import compared
    from mdlcodec.report.fresh_process import decoder_of

    if (x_test is None) != (y_test is None):
        raise BadData("x_test and y_test go together; give both, or neither")
    limits = Limits.of_sender(max_work, max_memory)
    with readers_within(limits.memory):
        dataset = data.from_arrays(x, y)
        test = None if x_test is None else data.from_arrays(x_test, y_test)
    with temporary_folder() as beside:
        kept = beside / "files" if folder is None else Path(folder)
        kept.mkdir(exist_ok=True)
        return compared(
            dataset,
            codes,
            test,
            kept,
            decoder_of(as_array(x, "x"), limits),
            preset=DEFAULT_PRESET if preset is None else preset,
            seed=seed,
            device=device,
            limits=limits,
        )


def probe(
    layers: Mapping[str, object] | Iterable[tuple[str, object]],
    y: object,
    *,
    control: object = False,
    seeds: int = 1,
    folder: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    preset: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> ProbeTable:
    """What representations in layers tell of labels: the length of a file of the labels, given each.

    Voita & Titov 2020 ("Information-Theoretic Probing with Minimum Description Length"), with real files, each
    decoded in a fresh process before it counts; as many processes as cores work side by side.

    Args:
        layers: representations (n, ...) by name, or pairs of both; all but the first axis are columns.
        y: (n,) classes.
        control: whether a control task (Hewitt & Liang 2019) is coded too, of labels drawn at random: one for each
            example with True, or one for each of the types (n,) that are given, such as words.
        seeds: how many networks, under seeds 0, 1, ..; control tasks are drawn anew for each.
        folder: where files are kept; the same call goes on from there after it was ended. By default nowhere.
        workers: processes at a time; one for each core by default.
        preset: 1 to 9 in place of the preset of probes.
        progress: is called with runs done, runs in all, and a few words about the last one.

    Raises:
        MdlcodecError: BadData for what cannot be probed, before anything is trained (in mdlcodec.errors).
    """
    from mdlcodec.studies.probing import probe as probed

    return probed(
        layers,
        y,
        control=control,
        seeds=seeds,
        folder=folder,
        workers=workers,
        preset=preset,
        progress=progress,
    )


@entry
def bound(
    blob: bytes,
    x: object,
    y: object | None = None,
    *,
    net: str | None = None,
    input_range: str = "0..1",
    confidence: float = 0.95,
    trials: int | None = None,
    seed: int = 0,
    top: int = 1,
    max_work: int | None = None,
    max_memory: int | None = None,
) -> BoundReport:
    """Bounds on how often the network in a file errs on new examples, from the file's bytes (Zhou et al. 2018).

    Args:
        blob: the bytes of a file of a two-part code, or of a network file.
        x: the images that the network was trained with.
        y: their labels, which a file of a two-part code holds itself.
        net, input_range: of a network file: which network it is, and what it takes the inputs' smallest and largest
            value as, "0..1", "-1..1" or "0..255/256".
        confidence: with which all bounds hold together; trials, seed: of the noisy network.
        top: an error is an example whose class is not among so many largest scores.
        max_work, max_memory: limits, in operations and in bytes; None are the program's defaults.

    Raises:
        MdlcodecError: BadData for what cannot be used, CorruptFile, WrongInputs, Unsupported, LimitExceeded (all in
            mdlcodec.errors).
    """
    from mdlcodec import bounds, data
    from mdlcodec.container import is_network_file
    from mdlcodec.errors import BadData
    from mdlcodec.files import label_file, label_inputs
    from mdlcodec.limits import Limits

    blob, limits = label_file.as_bytes(blob), Limits.given(max_work, max_memory)
    if is_network_file(blob):
        if y is None:
            raise BadData("a network file holds no labels; give y")
        if input_range not in bounds.RANGES:
            raise BadData(f"input_range is {input_range!r}; choose one of {', '.join(bounds.RANGES)}")
        subject = bounds.of_network_file(blob, net, data.from_arrays(x, y), input_range, limits)
    else:
        if net is not None or input_range != "0..1":
            raise BadData("net and input_range are for network files, and this file says it; leave them out")
        file = label_file.parse(blob, limits.memory)
        subject = bounds.of_label_file(file, blob, label_inputs.inputs_of(x), limits)
        if y is not None and list(data.from_arrays(x, y).class_labels.array()) != list(
            file.header.values[subject.y]
        ):
            raise BadData("y are other labels than the file holds; leave y out, or give those")
    return bounds.bound_network(subject, confidence=confidence, trials=trials, seed=seed, top=top)


@entry
def pack(
    weights: object,
    *,
    prune: float | Mapping[str, float] | None = None,
    bits: int | Mapping[str, int] | None = None,
    step: float | None = None,
    unsigned_zeros: bool = False,
) -> Packed:
    """The bytes of a network file that holds weights, every bit of them unless something lossy is asked for.

    Args:
        weights: a dict of numpy arrays or torch tensors by name (a state dict, for one): booleans, integers
            or floats (float64, float32, float16, bfloat16) of any shape.
        prune: that fraction (0 to 1) of every tensor becomes zero, from the smallest magnitudes on.
        bits: at most 2^bits values in every tensor, one of them zero (k-means); 1 to 16.
            Both may be dicts of numbers by the names of layers ("fc1") or tensors, or by patterns ("conv*"; "*" is
            for all else): tensors that none names stay as they are.
        step: every tensor is rounded to multiples of it.
        unsigned_zeros: -0.0 becomes 0.0.

    Returns:
        bytes, which know what changed: ``changes`` has name, largest_error, root_mean_square_error, zeroed and
        nonzeros of each tensor, ``unchanged`` the names of those that lossy options leave alone, since they are no
        floats of two axes or more.

    Raises:
        MdlcodecError: BadData for weights that cannot be held, and for options out of range (in mdlcodec.errors).
    """
    from mdlcodec.files import networks
    from mdlcodec.report.packed import Packed

    lossy = None
    if (prune, bits, step) != (None, None, None):
        from mdlcodec.sender.lossy import Lossy

        lossy = Lossy(prune, bits, step)
    options = networks.Options(lossy, unsigned_zeros)
    return Packed.of(*networks.pack(networks.tensors_of(weights), options))


@entry
def unpack(
    blob: bytes, *, max_work: int | None = None, max_memory: int | None = None
) -> dict[str, np.ndarray]:
    """The weights in a network file, or in a file of labels coded with a two-part code, by name.

    bfloat16 and floats of eight bits, which numpy has not, come back as float32 of the same values; all else with
    the dtype, shape and bits that it had.

    Args:
        blob: the file's bytes (bytes, bytearray, memoryview or an array of bytes).
        max_work, max_memory: limits, in operations and in bytes; None are the program's defaults.

    Raises:
        MdlcodecError: BadData for a file without a network, CorruptFile, Unsupported, LimitExceeded (all in
            mdlcodec.errors).
    """
    from mdlcodec.files import label_file, networks
    from mdlcodec.limits import Limits

    network = networks.unpack(label_file.as_bytes(blob), Limits.given(max_work, max_memory))
    return {tensor.name: tensor.array() for tensor in network.tensors}


@entry
def register(graph: Graph, *, name: str, version: int = 1) -> None:
    """Makes a network of one's own known, which ``net=name`` then takes in codes that transmit a network.

    Files carry the name and the version: whoever decodes them registers the same graph first, or installs a package
    with an entry point in the group ``mdlcodec.networks``, of that name, that loads a function which does.

    Args:
        graph: made with `mdlcodec.nn.Builder`; its last node is a `Linear()` whose width is left open.
        name: letters, digits, - and _, at most 64.
        version: 1 and up; another graph is another version.

    Raises:
        MdlcodecError: BadData for names that are taken, and for what is no network (in mdlcodec.errors).
    """
    from mdlcodec.nn import zoo

    zoo.register(graph, name=name, version=version)


@entry
def inspect(blob: bytes, *, max_work: int | None = None, max_memory: int | None = None) -> dict[str, object]:
    """What a file says of itself: its kind ("labels" or "network") and the sizes of its sections in bytes.

    Of labels also code, net, labels, classes, seed, ...; of a network, which has to be unpacked for it, every
    tensor with its name, dtype, shape and the ideal bits of its parts.

    Args:
        blob: the file's bytes (bytes, bytearray, memoryview or an array of bytes).
        max_work, max_memory: limits, in operations and in bytes; None are the program's defaults.

    Raises:
        MdlcodecError: BadData, CorruptFile, Unsupported, LimitExceeded (all in mdlcodec.errors).
    """
    from mdlcodec.container import is_network_file
    from mdlcodec.files import label_file
    from mdlcodec.limits import Limits

    blob, limits = label_file.as_bytes(blob), Limits.given(max_work, max_memory)
    if is_network_file(blob):
        from mdlcodec.files import networks

        return networks.inspect(blob, limits)
    return {"kind": "labels"} | label_file.inspect(blob, limits.memory)
