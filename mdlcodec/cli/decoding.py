"""Decoding for the commands that do it: inputs that are read, with what is said of them, and progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mdlcodec.cli.files import naming
from mdlcodec.cli.options import Common
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.terminal import say_notes
from mdlcodec.cli.verbose import watch

if TYPE_CHECKING:
    from mdlcodec.container.label_file import LabelHeader
    from mdlcodec.data import AnyLabels, Content
    from mdlcodec.files.checkpoints import CheckpointFile
    from mdlcodec.files.label_file import LabelFile
    from mdlcodec.files.runs import Run


def inputs_from(
    source: str,
    quiet: bool,
    delimiter: str | None = None,
) -> Callable[[LabelHeader], Sequence[Content]]:
    """As files.label_inputs.inputs_from; what was decided in reading them is said."""
    from mdlcodec.files import label_inputs

    find = label_inputs.inputs_from(source, delimiter)

    def find_and_say(header: LabelHeader) -> Sequence[Content]:
        contents = find(header)
        for content in contents[:1]:
            say_notes(content.notes, quiet)
        return contents

    return find_and_say


def decode_labels(
    file: str,
    label_file: LabelFile,
    inputs: str,
    device: str,
    common: Common,
    *,
    form: str | None = None,
    delimiter: str | None = None,
    checkpoint: CheckpointFile | None = None,
) -> tuple[AnyLabels, Run]:
    """The labels of a parsed file, decoded with inputs read from ``inputs``."""
    from mdlcodec.files import labels as label_files

    with naming(file), ProgressLine(common.quiet) as line:
        return label_files.decode(
            label_file,
            inputs_from(inputs, common.quiet, delimiter),
            device=device,
            limits=common.limits(),
            watch=watch("decoding", line, common),
            form=form,
            checkpoint=checkpoint,
        )
