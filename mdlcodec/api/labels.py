"""Labels as files, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mdlcodec.exact.processor_state import entry

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from typing_extensions import Unpack

    from mdlcodec.codes.options import Chosen
    from mdlcodec.report.result import Result


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
            strength, shares (a number, or a dict by layers), gamma, rho, tamade, rgp, teacher, priced,
            copies, moved and as_published, as ``mdlcodec encode --help`` has them. For code="subspace": dimension,
            of the random subspace; for code="variational": prior, the variance of the prior over weights.
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
