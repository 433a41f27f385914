"""``mdlcodec pack``."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from mdlcodec.cli.files import is_stdout, open_output, stem
from mdlcodec.cli.network_table import network_rows
from mdlcodec.cli.options import NETWORKS, Common, common_options
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.sender_options import ByLayer
from mdlcodec.cli.terminal import duration, say, say_notes, table
from mdlcodec.cli.verification import verify_network
from mdlcodec.report.strict_json import strict_json

if TYPE_CHECKING:
    import numpy as np

    from mdlcodec.files.networks import Report

_NAMES_SHOWN = 5


def _features(inputs: str | None, quiet: bool) -> np.ndarray | None:
    if inputs is None:
        return None
    from mdlcodec import data

    [content, *_] = data.read_candidates(inputs, limit=None, ignore=None, header=None)
    say_notes(content.notes, quiet)
    return content.inputs().features


@click.command("pack")
@click.argument("weights")
@click.option("-o", "--output", metavar="FILE", help="The file to write, - for stdout. [default: NAME.mdl]")
@click.option("--drop-dead", is_flag=True, help="Drop units that cannot influence the outputs of --net.")
@click.option("--net", metavar="NAME", help=f"With --drop-dead: which network it is, {NETWORKS}.")
@click.option(
    "--inputs",
    metavar="DATA",
    help="With --drop-dead: compare the outputs on these inputs too, besides random ones.",
)
@click.option(
    "--prune",
    type=ByLayer(float),
    metavar="FRACTION",
    help="Lossy: make that fraction (0 to 1) of every tensor zero, from the smallest magnitudes on; or one for "
    "each layer, as in 0.5,fc1=0.9,conv*=0.3.",
)
@click.option(
    "--bits",
    type=ByLayer(int),
    metavar="B",
    help="Lossy: at most 2^B values in every tensor, one of them zero (k-means); B is 1 to 16, or one for each "
    "layer, as in 4,fc1=5,conv*=6.",
)
@click.option("--step", type=float, metavar="S", help="Lossy: round every tensor to multiples of S.")
@click.option(
    "--unsigned-zeros",
    is_flag=True,
    help="Lossy: -0.0 becomes 0.0. Pruned tensors often have the sign of what was there: one bit for each zero.",
)
@click.option("--no-verify", is_flag=True, help="Do not unpack the file in a fresh process.")
@click.option("-f", "--force", is_flag=True, help="Overwrite FILE if it exists.")
@common_options
def command(
    weights: str,
    output: str | None,
    drop_dead: bool,
    net: str | None,
    inputs: str | None,
    prune: float | tuple[tuple[str, float], ...] | None,
    bits: int | tuple[tuple[str, int], ...] | None,
    step: float | None,
    unsigned_zeros: bool,
    no_verify: bool,
    force: bool,
    common: Common,
) -> None:
    """Write the WEIGHTS of a network to a small file.

    WEIGHTS are safetensors, an .npz file, or a PyTorch state dict (.pt, .pth, .th or .bin), alone or in a
    checkpoint, whose optimiser and the like are left out. Every bit and every name comes back, unless a lossy
    option changes the weights first: those change floating-point tensors of two axes or more, leave biases and
    all else alone, and say what error they caused. The file is unpacked in a fresh process before success is
    reported.
    """
    if drop_dead != (net is not None):
        raise click.UsageError("--drop-dead and --net go together: dead units are known only in a network")
    if inputs is not None and not drop_dead:
        raise click.UsageError("--inputs is for --drop-dead; leave it out")
    output = f"{stem(weights)}.mdl" if output is None else output
    if common.json and is_stdout(output):
        raise click.UsageError("-o - and --json both want stdout; choose one")
    sources = [weights] if inputs is None else [weights, inputs]
    with open_output(output, force=force, sources=sources) as destination:
        from mdlcodec.data.weights import read_weights
        from mdlcodec.files import networks
        from mdlcodec.sender.lossy import Lossy, zero_signs

        lossy = Lossy(prune, bits, step)
        loaded = read_weights(weights, common.limits().memory)
        with ProgressLine(common.quiet) as line:
            start = time.perf_counter()
            options = networks.Options(lossy, unsigned_zeros, net, _features(inputs, common.quiet))
            blob, report = networks.pack(
                loaded.tensors, options, limits=common.sending_limits(), progress=line.elements
            )
            seconds = time.perf_counter() - start
            path = destination.write(blob)
            verify_seconds = None
            if not no_verify:
                verify_seconds = verify_network(path, networks.digest(report.network.tensors), common, line)
    negative = 0 if unsigned_zeros else zero_signs(loaded.tensors)
    raw = sum(tensor.patterns.nbytes for tensor in loaded.tensors)
    if not common.quiet:
        verified = "not verified" if verify_seconds is None else f"verified in {duration(verify_seconds)}"
        ratio = f" ({len(blob) / raw:.1%} of {raw:,} bytes of weights)" if raw else ""
        for text in [*loaded.notes, *_said(report)]:
            say(text)
        if negative:
            say(f"{negative:,} zeros are -0.0, and their signs are kept; --unsigned-zeros drops them")
        say(f"{output}: {len(blob):,} bytes{ratio}; packed in {duration(seconds)}, {verified}")
    if common.json or common.verbose:
        facts: dict[str, Any] = networks.facts(blob, report.network)
        if common.verbose and not common.quiet:
            for row in table(network_rows(facts)):
                say(row)
        if common.json:
            facts = {"file": output} | facts | {"input_bytes": raw, "notes": loaded.notes}
            facts |= {
                "zero_signs": report.zero_signs,
                "changes": [asdict(change) for change in report.changes],
                "unchanged": report.kept,
            }
            facts |= {
                "dropped": None if report.dropped is None else asdict(report.dropped),
                "seconds": seconds,
            }
            facts |= {"verified": verify_seconds is not None, "verify_seconds": verify_seconds}
            click.echo(strict_json(facts))


def _said(report: Report) -> list[str]:
    """What was lost and dropped, in lines for people."""
    lines = []
    if report.changes:
        head = ["tensor", "largest error", "rms error", "zeroed", "non-zeros"]
        rows = [
            [
                change.name,
                f"{change.largest_error:.3g}",
                f"{change.root_mean_square_error:.3g}",
                f"{change.zeroed}",
                f"{change.nonzeros}",
            ]
            for change in report.changes
        ]
        lines += table([head, *rows])
    if report.kept:
        names = ", ".join(report.kept[:_NAMES_SHOWN]) + (", ..." if len(report.kept) > _NAMES_SHOWN else "")
        lines.append(
            f"kept exactly, as not floats of two axes or more: {len(report.kept):,} tensors ({names})"
        )
    if report.zero_signs:
        lines.append(f"-0.0 became 0.0 in {report.zero_signs:,} places")
    if report.dropped is not None:
        dropped = report.dropped
        widths = [f"{a} of {b}" for a, b in zip(dropped.after, dropped.before, strict=True)]
        given = f" and {dropped.checked_inputs:,} given" if dropped.checked_inputs else ""
        lines.append(
            f"units left in the layers of {dropped.net}: {', '.join(widths)}; outputs are equal on "
            f"{dropped.checked_random:,} random{given} inputs (float64, sums in one order)"
        )
    return lines
