"""``mdlcodec bound``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from mdlcodec.cli.bound_table import ASSUMED, facts_of, lines_of
from mdlcodec.cli.decoding import inputs_from
from mdlcodec.cli.files import naming, read_file
from mdlcodec.cli.options import NETWORKS, Common, common_options
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.terminal import printable, require_stdout, say_notes
from mdlcodec.cli.verbose import watch
from mdlcodec.report.strict_json import strict_json

if TYPE_CHECKING:
    from mdlcodec.bounds import Subject

# parameters and options that label files make needless
_OF_NETWORK_FILES = {"net": "--net", "input_range": "--range", "target": "--target", "limit": "--limit"}


@click.command("bound")
@click.argument("file", required=False)
@click.option("--inputs", metavar="DATA", help="The training examples.")
@click.option(
    "--bytes", "size", type=click.FloatRange(min=0), metavar="N", help="In place of FILE: its bytes."
)
@click.option(
    "--errors", type=click.FloatRange(0, 1), metavar="E", help="With --bytes: the training error, a share."
)
@click.option("--examples", type=click.IntRange(min=1), metavar="M", help="With --bytes: training examples.")
@click.option("--net", metavar="NAME", help=f"For a network file: which network it is, {NETWORKS}.")
@click.option(
    "--range",
    "input_range",
    type=click.Choice(["0..1", "-1..1", "0..255/256"]),
    default="0..1",
    show_default=True,
    help="For a network file: what the network takes the inputs' smallest and largest value as.",
)
@click.option("--target", metavar="COLUMN", help="For a network file: the labels' column in a table.")
@click.option("--limit", type=int, metavar="N", help="For a network file: the first N examples only.")
@click.option(
    "--confidence",
    type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True),
    default=0.95,
    metavar="P",
    show_default=True,
    help="Probability with which all bounds hold together.",
)
@click.option(
    "--trials",
    type=click.IntRange(1, 10**9),
    metavar="N",
    help="Trials of the noisy network. [default: one for each example]",
)
@click.option(
    "--seed",
    default=0,
    type=click.IntRange(0, 2**64 - 1),
    metavar="N",
    show_default=True,
    help="Of the noise.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=1,
    metavar="K",
    show_default=True,
    help="An error is an example whose class is not among the K largest scores.",
)
@common_options
def command(
    file: str | None,
    inputs: str | None,
    size: float | None,
    errors: float | None,
    examples: int | None,
    net: str | None,
    input_range: str,
    target: str | None,
    limit: int | None,
    confidence: float,
    trials: int | None,
    seed: int,
    top: int,
    common: Common,
) -> None:
    """Bound the error rate on new examples of the network in FILE.

    FILE was made by encode --code two-part or two-part-raw, and DATA are its inputs; or by pack, and DATA are
    the examples, with labels, that the network was trained with. The fewer bytes the network takes and the
    fewer training examples it gets wrong, the lower the bound. A table says of each layer what it takes, and how
    much noise on its weights saves (Zhou et al. 2018, Table 3). Without FILE, by --bytes, --errors and
    --examples: what such a network would be proved to err at most, by one bound alone (Zhou et al. 2018,
    Theorems 2.1 and 4.1).
    """
    require_stdout("open it, that is where the bound goes")
    from mdlcodec import bounds

    if size is not None or errors is not None or examples is not None:
        if file is not None or inputs is not None or size is None or errors is None or examples is None:
            raise click.UsageError("--bytes, --errors and --examples go together, and stand in place of FILE")
        if top != 1:
            raise click.UsageError("--top is for FILE; of a known network, give its top-K errors as --errors")
        _published(size, errors, examples, confidence, common)
        return
    if file is None or inputs is None:
        raise click.UsageError("give FILE and --inputs DATA, or --bytes, --errors and --examples")
    with ProgressLine(common.quiet) as line:
        subject = _subject(file, inputs, net, input_range, target, limit, line, common)
        report = bounds.bound_network(
            subject, confidence=confidence, trials=trials, seed=seed, top=top, say=line.show_passing
        )
    facts = facts_of(file, subject, report, seed)
    if common.json:
        click.echo(strict_json(facts))
    else:
        for text in lines_of(facts):
            click.echo(printable(text))


def _published(size: float, errors: float, examples: int, confidence: float, common: Common) -> None:
    """The Occam bound of a network of which its size and its training error are known."""
    from mdlcodec.bounds import catoni_bound

    value = catoni_bound(errors, 8.0 * size * math.log(2.0), examples, 1.0 - confidence)
    if common.json:
        facts = {"bytes": size, "training_error": errors, "n": examples, "confidence": confidence}
        click.echo(strict_json(facts | {"bound": value}))
        return
    click.echo(
        f"a network of {size:,.0f} bytes that errs on {errors:.4g} of {examples:,} training examples errs on at "
        f"most {value:.1%} of new ones, with {confidence:.4g} confidence; assumed: {ASSUMED[0]}"
    )


def _subject(
    file: str,
    inputs: str,
    net: str | None,
    input_range: str,
    target: str | None,
    limit: int | None,
    line: ProgressLine,
    common: Common,
) -> Subject:
    from mdlcodec import bounds, data
    from mdlcodec.container import is_network_file, is_sampled_network
    from mdlcodec.files.label_file import parse

    with naming(file):
        memory = common.limits().memory
        blob = read_file(file, memory)
        if is_network_file(blob):
            if (net is None) != is_sampled_network(blob):
                raise click.UsageError(
                    "a network file does not say which network it is; say it with --net lenet5, or another name"
                    if net is None
                    else "this network file says which network it is; leave --net out"
                )
            dataset = data.read(inputs, target=target, limit=limit)
            say_notes(dataset.notes, common.quiet)
            return bounds.of_network_file(blob, net, dataset, input_range, common.limits())
        context = click.get_current_context()
        for name, option in _OF_NETWORK_FILES.items():
            if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
                raise click.UsageError(f"{option} is for network files, and this file says it; leave it out")
        label_file = parse(blob, memory)
        return bounds.of_label_file(
            label_file,
            blob,
            inputs_from(inputs, common.quiet),
            common.limits(),
            watch("decoding", line, common),
        )
