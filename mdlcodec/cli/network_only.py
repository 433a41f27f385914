"""``mdlcodec encode --network-only``: the network that a code would transmit, in a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mdlcodec.cli.network_table import network_rows
from mdlcodec.cli.options import Common
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.terminal import duration, say, table
from mdlcodec.cli.verbose import watch
from mdlcodec.cli.verification import verify_network
from mdlcodec.report.strict_json import strict_json

if TYPE_CHECKING:
    from mdlcodec.cli.files import Output
    from mdlcodec.codes import Options
    from mdlcodec.data import Dataset
    from mdlcodec.report.accuracy import Examples


def write_network(
    output: str,
    destination: Output,
    dataset: Dataset,
    examples: Examples | None,
    common: Common,
    *,
    code: str,
    net: str,
    preset: int | None,
    seed: int,
    options: Options,
    no_verify: bool,
) -> None:
    """Train, write, unpack in a fresh process, tell; ``examples``: on which the network is tested."""
    from mdlcodec.files import networks
    from mdlcodec.files.trained import encode_network

    limits = common.sending_limits()
    with ProgressLine(common.quiet) as line:
        blob, architecture, seconds = encode_network(
            dataset,
            code="two-part" if code == "auto" else code,
            net=net,
            preset=preset,
            seed=seed,
            options=options,
            limits=limits,
            watch=watch("training", line, common),
        )
        path = destination.write(blob)
        network = networks.unpack(blob, limits)
        tested = {}
        if examples is not None:
            right = networks.accuracy(network, architecture, examples.features, examples.classes)
            tested["test_accuracy"] = right
        verify_seconds = None
        if not no_verify:
            verify_seconds = verify_network(path, networks.digest(network.tensors), common, line)
    facts: dict[str, Any] = networks.facts(blob, network)
    if not common.quiet:
        verified = "not verified" if verify_seconds is None else f"verified in {duration(verify_seconds)}"
        say(
            f"{output}: {len(blob):,} bytes, {architecture.name} with {facts['nonzeros']:,} of "
            f"{facts['elements']:,} numbers not 0; trained in {duration(seconds)}, {verified}"
        )
        if common.verbose:
            for row in table(network_rows(facts)):
                say(row)
        if tested:
            say(f"test accuracy: {tested['test_accuracy']:.2%}")
    if common.json:
        facts = {"file": output} | facts | {"net": architecture.name, "seconds": seconds} | tested
        facts |= {"verified": verify_seconds is not None, "verify_seconds": verify_seconds}
        click.echo(strict_json(facts))
