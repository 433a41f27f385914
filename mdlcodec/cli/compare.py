"""``mdlcodec compare``."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdlcodec.cli.compare_text import compare_text
from mdlcodec.cli.files import is_read, open_output, stem
from mdlcodec.cli.options import Common, common_options, device_option, preset_option
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.table_options import TableArguments, table_options
from mdlcodec.cli.terminal import duration, printable, require_stdout, say, say_notes
from mdlcodec.cli.text import refuse_options_of_labels, text_option, text_source
from mdlcodec.cli.verbose import watch
from mdlcodec.cli.verification import verify
from mdlcodec.errors import BadData, LimitExceeded, MdlcodecError
from mdlcodec.report.strict_json import strict_json

if TYPE_CHECKING:
    from mdlcodec.data import Dataset, Labels
    from mdlcodec.report.accuracy import Examples
    from mdlcodec.report.comparison import Comparison
    from mdlcodec.report.row import Row


@click.command("compare")
@click.argument("data", required=False)
@text_option
@click.option(
    "--codes",
    metavar="NAMES",
    help="Codes, separated by commas: uniform, two-part-raw, two-part, subspace, variational, prequential, "
    "switching; of a text uniform, mixing, transformer, lstm. [default: all of them, of a text uniform and mixing]",
)
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    help="Where the files are kept. [default: NAME.compare, in this folder]",
)
@click.option("--plot", metavar="FILE.png", help="Draw the files' sizes; needs mdlcodec[plot].")
@click.option(
    "--test",
    metavar="DATA",
    help="Examples with labels that what was learned is tested on. [default: those beside DATA, where it is "
    "MNIST's or CIFAR's folder]",
)
@click.option(
    "--seed",
    default=0,
    type=click.IntRange(0, 2**64 - 1),
    metavar="N",
    show_default=True,
    help="Seed of the networks.",
)
@preset_option
@table_options
@click.option("--limit", type=int, metavar="N", help="Encode the first N examples only.")
@device_option
@click.option(
    "-f", "--force", is_flag=True, help="Make every file anew, and overwrite FILE.png if it exists."
)
@common_options
def command(
    data: str | None,
    text: str | None,
    codes: str | None,
    output: str | None,
    plot: str | None,
    test: str | None,
    seed: int,
    preset: int | None,
    table: TableArguments,
    limit: int | None,
    device: str,
    force: bool,
    common: Common,
) -> None:
    """Write the labels of DATA, or a text, with every code, and show what each takes.

    DATA and --text: see encode. Every file is decoded in a fresh process before it counts, on the CPU whatever
    the device; that process's start is part of the time shown. ratio: to n log2 k bits. Test accuracy is that of
    the network in the file, or of what both sides have learned after the last label. Files stay in FOLDER, with
    what is known of them: the same command, run again, makes only what is missing. With -v, ideal lengths too,
    which are no file's.
    """
    require_stdout("open it, that is where the table goes")
    if output == "-":
        raise BadData("-o - is no folder, and the files need one; name it")
    source = text_source(data, text, table)
    folder = Path(f"{stem(source or str(data))}.compare" if output is None else output)
    if source is not None:
        given = {"--plot": plot is not None, "--test": test is not None}
        refuse_options_of_labels(given)
        with _keeping(folder), _existing(folder):
            done = compare_text(source, codes, folder, preset=preset, limit=limit, force=force, common=common)
        if not done:
            raise click.exceptions.Exit(1)
        return
    assert data is not None
    with _keeping(folder):
        from mdlcodec.compiled import users_folder
        from mdlcodec.predictors.presets import DEFAULT_PRESET
        from mdlcodec.report.comparison import Comparison, ordered_codes
        from mdlcodec.report.seal import kept_key

        names = ordered_codes(None if codes is None else [name.strip() for name in codes.split(",")])
        if plot is not None:
            _check_plot(Path(plot), force, [data] if test is None else [data, test])
        dataset, examples = _read(data, table, limit, test, common)
        comparison = Comparison(
            dataset,
            folder,
            preset=DEFAULT_PRESET if preset is None else preset,
            seed=seed,
            limit=limit,
            device=device,
            limits=common.sending_limits(),
            test=examples,
            force=force,
            key=kept_key(users_folder()),
        )
        comparison.check(names)
        with _existing(folder):
            rows = [_row(comparison, name, data, table["delimiter"], common) for name in names]
        _print(data, comparison, rows, common)
        if plot is not None:
            from mdlcodec.report.plot import chart_of_sizes

            title = f"{stem(data)}: {comparison.labels.n:,} labels of {comparison.classes:,} classes"
            with open_output(plot, force=force, sources=[]) as picture:
                picture.write(chart_of_sizes(rows, comparison.uniform_bytes, title))
    if any(row.failed is not None for row in rows):
        raise click.exceptions.Exit(1)


def _check_plot(path: Path, force: bool, sources: list[str]) -> None:
    """Whether the picture can be drawn and written, before anything is done for it."""
    from mdlcodec.report.plot import require_matplotlib

    if path.suffix != ".png":
        raise BadData(f"--plot {str(path)!r} does not end in .png; name a file that does")
    if not path.absolute().parent.is_dir():
        raise BadData(
            f"there is no folder {str(path.absolute().parent)!r}; create it, or choose another --plot"
        )
    if path.exists() and is_read(path.stat(), sources):
        raise BadData(f"{str(path)!r} is read and would be overwritten; choose another --plot")
    if path.exists() and not (force and path.is_file()):
        raise MdlcodecError(f"{str(path)!r} exists; choose another --plot, or overwrite it with -f")
    require_matplotlib()


def _read(
    data: str, table: TableArguments, limit: int | None, test: str | None, common: Common
) -> tuple[Dataset, Examples | None]:
    """What is coded, and what accuracy is measured on: what was named, or what lies beside, if it can be used."""
    from mdlcodec.data import read
    from mdlcodec.report.accuracy import beside, read_examples

    dataset = read(data, limit=limit, keep=True, **table)
    say_notes(dataset.notes, common.quiet)
    if test is not None:
        return dataset, read_examples(test, table["target"], dataset)
    beside_it = beside(data)
    if beside_it is None:
        return dataset, None
    try:
        return dataset, read_examples(beside_it, table["target"], dataset)
    except (BadData, LimitExceeded) as error:
        if not common.quiet:
            say(f"no test accuracy: {error}")
        return dataset, None


def _row(comparison: Comparison, code: str, data: str, delimiter: str | None, common: Common) -> Row:
    """One code's row, with progress, and a line when it is there."""
    with ProgressLine(common.quiet) as line:
        line.show_passing(f"encoding: {code}")

        def decoded(path: Path, labels: Labels) -> float:
            return verify(path, data, labels, common, line, None, delimiter)

        row, kept = comparison.row(code, decoded, watch(f"encoding: {code}", line, common))
    if row.failed is not None:
        say(f"mdlcodec: {code} failed: {row.failed}")
    elif not common.quiet:
        assert row.decode_seconds is not None
        decoded_in = f"decoded in {duration(row.decode_seconds)}"
        if kept:
            how = "there already" if row.encode_seconds is not None else f"there already, {decoded_in}"
        else:
            assert row.encode_seconds is not None
            how = f"encoded in {duration(row.encode_seconds)}, {decoded_in}"
        say(f"{row.file}: {row.bytes:,} bytes; {how}")
    return row


@contextlib.contextmanager
def _existing(folder: Path) -> Iterator[None]:
    """Make the folder if it is not there; and take it away again if nothing came into it."""
    if not folder.is_dir() and os.path.lexists(folder):
        raise BadData(f"{str(folder)!r} is no folder; choose another -o")
    if not folder.absolute().parent.is_dir():
        raise BadData(
            f"there is no folder {str(folder.absolute().parent)!r}; create it, or choose another -o"
        )
    made = not folder.exists()
    folder.mkdir(exist_ok=True)
    try:
        yield
    finally:
        if made and not any(folder.iterdir()):
            folder.rmdir()


@contextlib.contextmanager
def _keeping(folder: Path) -> Iterator[None]:
    """Say of an interruption what it leaves."""
    try:
        yield
    except KeyboardInterrupt as error:
        why = str(error).partition(";")[0] or "interrupted"
        kept = f"what was finished is kept in {str(folder)!r}, and the same command goes on from there"
        raise type(error)(f"{why}; {kept if folder.is_dir() else 'nothing was finished'}") from error


def _print(data: str, comparison: Comparison, rows: list[Row], common: Common) -> None:
    if common.json:
        click.echo(strict_json(_facts(data, comparison, rows)))
        return
    from mdlcodec.report.table import table_1

    for text in table_1(rows, ideal=common.verbose):
        click.echo(printable(text))
    click.echo(
        f"{comparison.labels.n:,} labels of {comparison.classes:,} classes; bytes of whole files, each decoded in "
        f"a fresh process; ratio: to n log2 k bits, {comparison.uniform_bytes:,} bytes"
    )


def _facts(data: str, comparison: Comparison, rows: list[Row]) -> dict[str, Any]:
    """The result, in values that JSON can hold."""
    return {
        "data": data,
        "labels": comparison.labels.n,
        "classes": comparison.classes,
        "uniform_bits": comparison.labels.n * math.log2(comparison.classes),
        "preset": comparison.preset,
        "seed": comparison.seed,
        "limit": comparison.limit,
        "folder": str(comparison.folder),
        "codes": [asdict(row) for row in rows],
    }
