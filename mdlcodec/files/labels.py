"""Labels become the bytes of a file, and the file becomes the labels again (formats/labels.md).

The order of checks when decoding: frame and checksum, version, known code, network and preset, the inputs,
the cost against the limits; only then is anything trained, and the digest of the labels checked after it.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mdlcodec.container import (
    LabelHeader,
    index_digest,
    label_digest,
    read_label_file,
    sections,
    write_label_file,
)
from mdlcodec.container.ids import HIGHEST_PRESET, LOWEST_PRESET
from mdlcodec.container.label_file import DIGEST_BYTES
from mdlcodec.data import targets
from mdlcodec.data.dataset import Labels
from mdlcodec.errors import BadData, CorruptFile, Unsupported, WrongInputs
from mdlcodec.exact.processor_state import entry
from mdlcodec.limits import (
    DEFAULT_LIMITS,
    DEFAULT_MEMORY,
    SENDER_LIMITS,
    Limits,
    check_limits,
    integer,
    readers_within,
)

if TYPE_CHECKING:  # torch and numba load when something is encoded or decoded
    from mdlcodec.codes import Code, Decoded, Options, Progress, Settings
    from mdlcodec.data import AnyLabels, Content, Dataset, Inputs
    from mdlcodec.data.targets import Target
    from mdlcodec.files.checkpoints import CheckpointFile
    from mdlcodec.limits import Cost

MAX_SEED = 2**64 - 1
# bytes of a label besides its own
_HELD = 16  # the class, as it is decoded and as it is checked
_CELL = 400  # as text, with what Python keeps of it, several times over


@dataclass(frozen=True)
class Plan:
    """What is about to be computed, known before anything is allocated or trained."""

    code: str
    net: str | None
    settings: Settings
    n: int
    target: Target
    cost: Cost
    decoding: Cost  # the same of whoever decodes


@dataclass(frozen=True)
class Run:
    """What coding the labels took: their ideal codelength (-sum log2 p, in bits) and the time in seconds.

    ``training_error``, ``objective_bits``, ``learned_in_vain``: see codes.Encoded; not known after decoding.
    """

    ideal_bits: float
    seconds: float
    training_error: float | None = None
    objective_bits: float | None = None
    learned_in_vain: bool = False


@dataclass(frozen=True)
class Received:
    """What came out of a file with these inputs."""

    labels: AnyLabels
    inputs: Inputs
    run: Run
    decoded: Decoded


Watch = Callable[[Plan], "Progress"]
"""Is told the plan once the limits allow it; what it returns is told the progress."""


@dataclass(frozen=True)
class LabelFile:
    """A label file whose version, code, network and preset this program knows."""

    header: LabelHeader
    payload: bytes
    sections: list[tuple[str, int]]
    code: Code
    settings: Settings
    net: str | None

    @property
    def n(self) -> int:
        """Number of labels."""
        return self.header.n

    @property
    def k(self) -> int:
        """Number of classes; 0 of reals."""
        return len(self.header.values)

    @property
    def target(self) -> Target:
        """What the file says of its labels before they are decoded."""
        return _target(self.header)

    def one_label_each(self) -> AnyLabels:
        """One label of each class, or both ends of the range of reals; form and column are the file's."""
        grid = self.header.grid
        if grid is not None:
            return _labels(np.array([grid.low, grid.high]), self.header)
        return _labels(np.arange(self.k, dtype=np.int32), self.header)


def as_bytes(blob: object) -> bytes:
    """What holds bytes (bytes, bytearray, memoryview, an array of bytes) as bytes, else BadData."""
    try:
        view = memoryview(blob)  # type: ignore[arg-type]  # raises for what is none
        if view.format in ("B", "b", "c"):
            return bytes(view)
    except (TypeError, ValueError, BufferError):
        pass
    raise BadData(
        f"a file was given as {type(blob).__name__}; give its bytes (pathlib.Path(name).read_bytes())"
    )


def parse(blob: bytes, memory: int = DEFAULT_MEMORY) -> LabelFile:
    """Read the header of a file; raises CorruptFile, or Unsupported for what a newer version may know.

    BadData for a ``blob`` that is not bytes, and nothing like them; LimitExceeded where the values of its classes
    take more than ``memory`` bytes.
    """
    blob = as_bytes(blob)
    header, payload = read_label_file(blob, memory)
    if header.n < 1:
        raise CorruptFile("damaged: the file says that it holds no labels")

    from mdlcodec.codes import Settings, code_numbered

    code = code_numbered(header.code)
    settings = Settings(header.net, header.preset, header.seed, header.own_net)
    if not LOWEST_PRESET <= settings.preset <= HIGHEST_PRESET:
        raise Unsupported(f"preset {settings.preset} is not known to this version: install a newer mdlcodec")
    net = code.net_name(settings)
    target = _target(header)
    try:
        code.check_target(target)
    except BadData as error:
        raise Unsupported(f"{error}: install a newer mdlcodec") from error
    code.check_network(settings, target)
    parts = []
    for name, size in sections(blob, memory):
        parts += code.sections(payload, target) if name == "labels" else [(name, size)]
    return LabelFile(header, payload, parts, code, settings, net)


def network_section(blob: bytes, memory: int = DEFAULT_MEMORY) -> bytes:
    """The network section of a file of a two-part code (formats/network.md).

    Raises what ``parse`` raises, and BadData for a file that holds no network.
    """
    file = parse(blob, memory)
    return file.code.network_section(file.payload, file.target)


def inspect(blob: bytes, memory: int = DEFAULT_MEMORY) -> dict[str, object]:
    """What a file says of itself, in values that JSON can hold; the sections' bytes add up to the file's.

    Raises as ``parse`` does.
    """
    file = parse(blob, memory)
    column, dtype = file.header.column, file.header.values.dtype
    return {
        "bytes": sum(size for _, size in file.sections),  # integers
        "code": file.code.name,
        "net": file.net,
        "labels": file.n,
        "as": "classes" if file.header.grid is None else "reals",
        "classes": file.k if file.header.grid is None else None,
        "dtype": f"U{dtype.itemsize // 4}" if dtype.kind == "U" else dtype.name,
        "form": file.header.form,
        "target": None if column is None else {"index": column[0], "name": column[1]},
        "preset": file.settings.preset,
        "seed": file.settings.seed,
        "uniform_bits": file.n * math.log2(_possible(file.header)),  # reported only
        "sections": [{"name": name, "bytes": size} for name, size in file.sections],
    }


def _target(header: LabelHeader) -> Target:
    if header.grid is not None:
        return targets.Reals(header.grid, header.values.dtype)
    return targets.Classes(len(header.values))


def _of_target(labels: AnyLabels) -> dict[str, Any]:
    """The fields of a header that depend on what the labels are."""
    from mdlcodec.data.reals import RealLabels

    if isinstance(labels, RealLabels):
        fields = {
            "grid": labels.target.grid,
            "style": labels.style,
            "values": np.empty(0, labels.target.dtype),
        }
        return fields | {"label_digest": index_digest(labels.indices)}
    assert isinstance(labels, Labels)
    return {"values": labels.values, "label_digest": label_digest(labels.classes)}


def labels_memory(header: LabelHeader, form: str | None) -> int:
    """Bytes that the labels of a file take at most: as an array, and as the bytes of a file of that form."""
    array = header.n * (header.values.dtype.itemsize + _HELD)
    if form is None:
        return array
    if form != "csv":  # the file grows beside the array, and is copied once
        return 4 * array
    if header.values.dtype.kind != "U":
        return array + header.n * _CELL
    longest = max((len(text.encode()) for text in header.values.tolist()), default=0)
    # cells and lines of up to four bytes a character, quotes doubled, and the text and its bytes
    return array + header.n * (_CELL + 16 * longest)


def _possible(header: LabelHeader) -> int:
    """How many values each label can have, as the file says."""
    return len(header.values) if header.grid is None else header.grid.high - header.grid.low + 1


@entry
def encode(
    dataset: Dataset,
    *,
    code: str = "auto",
    net: str = "auto",
    preset: int | None = None,
    seed: int = 0,
    device: str = "auto",
    options: Options | None = None,
    limits: Limits = SENDER_LIMITS,
    watch: Watch | None = None,
    checkpoint: CheckpointFile | None = None,
) -> tuple[bytes, Run]:
    """The bytes of the file that holds the labels of ``dataset``.

    ``code``, ``net``: by name; ``preset``: 1 (seconds) to 9 (hours), None for the default;
    ``seed``: 0..2^64-1; ``device``: see `mdlcodec.exact.choice`, it changes no byte.
    ``options``: what only the sender chooses (codes.Options); None for the code's own choices.
    ``checkpoint``: where the state is kept, and once all is coded the payload; it stays until its ``finish``.
    Raises BadData for settings that do not exist or do not fit, LimitExceeded.
    """
    from mdlcodec.codes import AUTO, CODES, NO_OPTIONS, auto_code, code_named
    from mdlcodec.exact.choice import computing_on
    from mdlcodec.files.checkpoints import coded_before, coded_state, going_on, work_digest
    from mdlcodec.predictors.presets import DEFAULT_PRESET

    names = (("code", code), ("net", net), ("device", device))
    for name, text in names:
        if not isinstance(text, str):
            raise BadData(f"{name} is of type {type(text).__name__}; give its name as a string")
    inputs, labels = dataset.inputs, dataset.labels
    if labels is None:
        raise BadData("there are no labels to encode; give labels with the inputs")
    code = auto_code(net, inputs, labels.target) if code == AUTO else code
    chosen = code_named(code)
    options = NO_OPTIONS if options is None else options.checked()
    for name in options.given():
        if name not in chosen.options:
            owners = " and ".join(other.name for other in CODES.values() if name in other.options)
            raise BadData(f"--code {code} has no option {name}, which is for {owners}; leave it out")
    preset = DEFAULT_PRESET if preset is None else integer(preset, "preset")
    seed = integer(seed, "seed")
    if not LOWEST_PRESET <= preset <= HIGHEST_PRESET:
        raise BadData(
            f"no preset {preset}; choose one of {LOWEST_PRESET} (fastest) to {HIGHEST_PRESET} (smallest)"
        )
    if not 0 <= seed <= MAX_SEED:
        raise BadData(f"the seed {seed} is out of range; choose one of 0 to 2^64 - 1")
    target = labels.target
    chosen.check_target(target)
    settings = chosen.settings(net, preset, seed, inputs, target)
    # what no file can hold is known before any training
    written(inputs, labels, chosen.number, settings, b"")
    with computing_on(device):
        prepared = chosen.prepare(inputs, target, settings, checkpoint)
        costs = prepared.sending_cost, prepared.cost
        plan = Plan(code, chosen.net_name(settings), settings, labels.n, target, *costs)
        progress, _ = _announced(plan, inputs, limits, watch)
        if checkpoint is not None:
            facts = "encode", chosen.number, settings, target, [getattr(options, o) for o in options.given()]
            data = inputs.digest, labels.coded.tobytes()
            checkpoint.bind(work_digest(*facts, options.given(), data=data), _most_held(plan))
        start = time.perf_counter()
        encoded = coded_before(checkpoint)
        if encoded is None:
            with _guard(), going_on(checkpoint):
                encoded = prepared.encode(labels.coded, progress, options)
            if checkpoint is not None:
                checkpoint.save(coded_state(encoded))
        seconds = time.perf_counter() - start
    run = Run(
        encoded.ideal_bits, seconds, encoded.training_error, encoded.objective_bits, encoded.learned_in_vain
    )
    return written(inputs, labels, chosen.number, settings, encoded.payload), run


def written(inputs: Inputs, labels: AnyLabels, code: int, settings: Settings, payload: bytes) -> bytes:
    """The file of labels that a payload holds; ``code``: its number."""
    header = LabelHeader(
        code=code,
        net=settings.net,
        preset=settings.preset,
        seed=settings.seed,
        n=labels.n,
        **_of_target(labels),
        form=labels.form,
        column=None if labels.column is None else (labels.column.index, labels.column.name),
        input_digest=inputs.digest[:DIGEST_BYTES],
        own_net=settings.own_net,
    )
    return write_label_file(header, payload)


def decode(
    file: LabelFile,
    find_inputs: Callable[[LabelHeader], Sequence[Content]],
    *,
    device: str = "auto",
    limits: Limits = DEFAULT_LIMITS,
    watch: Watch | None = None,
    form: str | None = None,
    checkpoint: CheckpointFile | None = None,
) -> tuple[AnyLabels, Run]:
    """The labels of a file, given what its inputs may be (``inputs_from`` and ``inputs_of`` find that).

    ``device``: see `mdlcodec.exact.choice`; ``form``: of the file that the labels go to, None if they go to none;
    ``checkpoint``: where the state is kept, which stays until its ``finish``. Raises BadData for a device that is
    not there, WrongInputs, LimitExceeded, and CorruptFile when other labels came out than went in.
    """
    received = receive(
        file,
        find_inputs,
        device=device,
        limits=limits,
        watch=watch,
        form=form,
        checkpoint=checkpoint,
    )
    return received.labels, received.run


@entry
def receive(
    file: LabelFile,
    find_inputs: Callable[[LabelHeader], Sequence[Content]],
    *,
    device: str = "auto",
    limits: Limits = DEFAULT_LIMITS,
    watch: Watch | None = None,
    form: str | None = None,
    checkpoint: CheckpointFile | None = None,
) -> Received:
    """As ``decode``, with the inputs and the network that were met on the way."""
    from mdlcodec.exact.choice import computing_on
    from mdlcodec.files.checkpoints import going_on, work_digest

    if not isinstance(device, str):
        raise BadData(f"device is of type {type(device).__name__}; give its name as a string")
    header = file.header
    with computing_on(device):
        with readers_within(limits.memory):
            inputs = _matching(find_inputs(header), header)
        prepared = file.code.prepare(inputs, file.target, file.settings, checkpoint)
        try:
            cost = prepared.cost
        except BadData as error:  # what no encoder writes
            raise CorruptFile("damaged: its network does not fit these inputs") from error
        cost = replace(cost, memory=cost.memory + labels_memory(header, form))
        plan = Plan(file.code.name, file.net, file.settings, file.n, file.target, cost, cost)
        progress, last = _announced(plan, inputs, limits, watch)
        if checkpoint is not None:
            facts = "decode", file.code.number, file.settings, file.target, header.label_digest
            checkpoint.bind(work_digest(*facts, data=(inputs.digest, file.payload)), _most_held(plan))
        start = time.perf_counter()
        with _guard(), going_on(checkpoint):
            decoded = prepared.decode(file.payload, progress)
        seconds = time.perf_counter() - start
    digest = label_digest if header.grid is None else index_digest
    if digest(decoded.values) != header.label_digest:
        raise CorruptFile(
            "other labels were decoded than were encoded (their digests differ): the file is damaged, or "
            "this machine computes differently; fetch the file again, and report it if that does not help"
            + ("" if checkpoint is None else "; remove the checkpoint before that")
        )
    labels, run = _labels(decoded.values, header), Run(last[0], seconds)
    return Received(labels, inputs, run, decoded)


def _guard() -> AbstractContextManager[object]:
    """The guard against inexact operations where MDLCODEC_GUARD=1 asks for it (slow), else nothing."""
    if os.environ.get("MDLCODEC_GUARD") != "1":
        return nullcontext()
    from mdlcodec.exact.guard import Guard

    return Guard()


def inputs_from(source: str) -> Callable[[LabelHeader], Sequence[Content]]:
    """Inputs read from a file or folder (see data.read_candidates); a table may have its label column or not."""

    def find(header: LabelHeader) -> Sequence[Content]:
        from mdlcodec import data

        ignore, has_header = None, None
        if header.column is not None:
            ignore, has_header = header.column[0], header.column[1] is not None
        return data.read_candidates(source, limit=header.n, ignore=ignore, header=has_header)

    return find


def inputs_of(x: object) -> Callable[[LabelHeader], Sequence[Content]]:
    """Inputs given as an array (n, ...)."""

    def find(header: LabelHeader) -> Sequence[Content]:
        from mdlcodec import data

        return [data.content_of(x)]

    return find


def _labels(classes: np.ndarray, header: LabelHeader) -> AnyLabels:
    """Labels of what was coded."""
    from mdlcodec.data import LabelColumn
    from mdlcodec.data.reals import RealLabels

    column = None if header.column is None else LabelColumn(*header.column)
    if header.grid is not None:
        target = targets.Reals(header.grid, header.values.dtype)
        return RealLabels(classes, target, header.form, column, header.style)
    return Labels(classes, header.values, header.form, column)


def _matching(candidates: Sequence[Content], header: LabelHeader) -> Inputs:
    """The one with the file's number of examples and digest; the others are not preprocessed."""
    for content in candidates:
        if content.n == header.n and content.digest.startswith(header.input_digest):
            return content.inputs()
    if all(content.n != header.n for content in candidates):
        raise WrongInputs(
            f"the file holds {header.n:,} labels, but these inputs have {candidates[0].n:,} examples; "
            "give the inputs that the labels were encoded with"
        )
    raise WrongInputs(
        "these are not the inputs that the labels were encoded with (their digest is "
        f"{candidates[0].digest[:DIGEST_BYTES].hex()}, the file's {header.input_digest.hex()}); "
        "give the same examples in the same order and dtype"
    )


def _most_held(plan: Plan) -> int:
    """Bytes that a checkpoint takes at most: what is learned is counted in the cost, what is coded is not."""
    return plan.cost.memory + 64 * plan.n + (1 << 20)


def _announced(
    plan: Plan, inputs: Inputs, limits: Limits, watch: Watch | None
) -> tuple[Progress, list[float]]:
    """Check the plan's cost and announce it; what to report progress to, and the bits last reported."""
    check_limits(replace(plan.cost, memory=plan.cost.memory + inputs.features.nbytes), limits)
    report = None if watch is None else watch(plan)
    last = [0.0]

    def progress(done: int, bits: float, stage: str = "", /) -> None:
        last[0] = bits
        if report is not None and stage:
            report(done, bits, stage)
        elif report is not None:
            report(done, bits)

    return progress, last
