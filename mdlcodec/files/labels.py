"""Labels become the bytes of a file, and the file becomes the labels again (formats/labels.md).

The order of checks when decoding: frame and checksum, version, known code, network and preset, the inputs,
the cost against the limits; only then is anything trained, and the digest of the labels checked after it.
"""

from __future__ import annotations

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
    write_label_file,
)
from mdlcodec.container.label_file import DIGEST_BYTES
from mdlcodec.data.dataset import Labels
from mdlcodec.errors import BadData, CorruptFile
from mdlcodec.exact.processor_state import entry
from mdlcodec.files.curves import CurveRecord
from mdlcodec.files.label_file import LabelFile, labels_of
from mdlcodec.files.label_inputs import matching
from mdlcodec.files.runs import Plan, Run, Watch, announced, labels_memory, most_held, spent
from mdlcodec.files.settled import settle
from mdlcodec.limits import (
    DEFAULT_LIMITS,
    SENDER_LIMITS,
    Limits,
    check_memory,
    readers_within,
)

if TYPE_CHECKING:  # torch and numba load when something is encoded or decoded
    from mdlcodec.codes import Decoded, Options, Settings
    from mdlcodec.data import AnyLabels, Content, Dataset, Inputs
    from mdlcodec.files.checkpoints import CheckpointFile


@dataclass(frozen=True)
class Received:
    """What came out of a file with these inputs."""

    labels: AnyLabels
    inputs: Inputs
    run: Run
    decoded: Decoded


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
    keep_learned: bool = False,
) -> tuple[bytes, Run]:
    """The bytes of the file that holds the labels of ``dataset``.

    ``code``, ``net``: by name; ``preset``: 1 (seconds) to 9 (hours), None for the default;
    ``seed``: 0..2^64-1; ``device``: see `mdlcodec.exact.choice`, it changes no byte.
    ``options``: what only the sender chooses (codes.Options); None for the code's own choices.
    ``checkpoint``: where the state is kept, and once all is coded the payload; it stays until its ``finish``.
    ``keep_learned``: with what was learned on the way (files.learned), which takes its memory.
    Raises BadData for settings that do not exist or do not fit, LimitExceeded.
    """
    from mdlcodec.exact.choice import computing_on
    from mdlcodec.files.checkpoints import coded_before, coded_state, going_on, work_digest

    settled = settle(dataset, code=code, net=net, preset=preset, seed=seed, device=device, options=options)
    inputs, labels, chosen, settings = dataset.inputs, settled.labels, settled.code, settled.settings
    options, target = settled.options, labels.target
    # what no file can hold is known before any training, and what nobody within these limits can decode
    header, _ = read_label_file(written(inputs, labels, chosen.number, settings, b""), limits.memory)
    with computing_on(device):
        prepared = chosen.prepare(inputs, target, settings, checkpoint)
        costs = prepared.sending_cost(options), prepared.cost
        plan = Plan(chosen.name, chosen.net_name(settings), settings, labels.n, target, *costs)
        record = CurveRecord()
        held = inputs.features.nbytes  # integers
        progress, _ = announced(plan, held, limits, watch, record)
        decoding = plan.decoding.memory + labels_memory(header, "npy") + inputs.features.nbytes
        check_memory(decoding, limits.memory, "decoding its file takes")
        if checkpoint is not None:
            facts = "encode", chosen.number, settings, target, [getattr(options, o) for o in options.given()]
            data = inputs.digest, labels.coded.tobytes()
            work = work_digest(*facts, options.given(), data=data)
            checkpoint.bind(work, most_held(plan), spent(plan, held), limits.memory)
            record.restore(checkpoint.load())
            checkpoint.beside = record.saved
        start = time.perf_counter()
        encoded = coded_before(checkpoint)
        if encoded is None:
            with _guard(), going_on(checkpoint):
                encoded = prepared.encode(labels.coded, progress, options)
            if checkpoint is not None:
                checkpoint.save(coded_state(encoded))
        seconds = time.perf_counter() - start
    run = Run(
        encoded.ideal_bits,
        seconds,
        encoded.training_error,
        encoded.objective_bits,
        encoded.learned_in_vain,
        record.curve(),
        encoded.learned if keep_learned else None,
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
            inputs = matching(find_inputs(header), header)
        prepared = file.code.prepare(inputs, file.target, file.settings, checkpoint)
        try:
            cost = prepared.cost
        except BadData as error:  # what no encoder writes
            raise CorruptFile("damaged: its network does not fit these inputs") from error
        cost = replace(cost, memory=cost.memory + labels_memory(header, form))
        plan = Plan(file.code.name, file.net, file.settings, file.n, file.target, cost, cost)
        held = inputs.features.nbytes  # integers
        progress, last = announced(plan, held, limits, watch)
        if checkpoint is not None:
            facts = "decode", file.code.number, file.settings, file.target, header.label_digest
            work = work_digest(*facts, data=(inputs.digest, file.payload))
            checkpoint.bind(work, most_held(plan), spent(plan, held), limits.memory)
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
    labels, run = labels_of(decoded.values, header), Run(last[0], seconds)
    return Received(labels, inputs, run, decoded)


def _guard() -> AbstractContextManager[object]:
    """The guard against inexact operations where MDLCODEC_GUARD=1 asks for it (slow), else nothing."""
    if os.environ.get("MDLCODEC_GUARD") != "1":
        return nullcontext()
    from mdlcodec.exact.guard import Guard

    return Guard()
