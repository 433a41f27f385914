"""What follows from files: codes side by side, probes, bounds, what a file says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdlcodec.exact.processor_state import entry

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mdlcodec.bounds import BoundReport
    from mdlcodec.report.comparison_table import ComparisonTable
    from mdlcodec.report.probe_table import ProbeTable


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
def inspect(blob: bytes, *, max_work: int | None = None, max_memory: int | None = None) -> dict[str, object]:
    """What a file says of itself: its kind ("labels", "network" or "text") and its sections' sizes in bytes.

    Of labels also code, net, labels, classes, seed, ...; of a network, which has to be unpacked for it, every
    tensor with its name, dtype, shape and the ideal bits of its parts.

    Args:
        blob: the file's bytes (bytes, bytearray, memoryview or an array of bytes).
        max_work, max_memory: limits, in operations and in bytes; None are the program's defaults.

    Raises:
        MdlcodecError: BadData, CorruptFile, Unsupported, LimitExceeded (all in mdlcodec.errors).
    """
    from mdlcodec.container import is_network_file, is_text_file
    from mdlcodec.files import label_file, text_file
    from mdlcodec.limits import Limits

    blob, limits = label_file.as_bytes(blob), Limits.given(max_work, max_memory)
    if is_network_file(blob):
        from mdlcodec.files import networks

        return networks.inspect(blob, limits)
    if is_text_file(blob):
        return {"kind": "text"} | text_file.inspect(blob)
    return {"kind": "labels"} | label_file.inspect(blob, limits.memory)
