"""The command line: commands parse, call ``mdlcodec.files.labels`` or ``mdlcodec.files.networks``, and print."""

import click

import mdlcodec
from mdlcodec.cli import bound, compare, decode, encode, list, pack, study, test, unpack
from mdlcodec.cli.failures import CommandGroup


@click.group("mdlcodec", cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(mdlcodec.__version__, "--version", message="%(prog)s %(version)s")
def main() -> None:
    """Turn the labels of a data set, a text, or the weights of a network into a small file, and back again.

    Who holds the inputs and the file gets the labels back exactly, on any machine; texts and weights need the
    file alone.

    \b
    Exit codes: 0 done; 1 failed, or a damaged file; 2 usage;
    3 a valid file that cannot be decoded here (newer version, limits).
    """


for module in (encode, decode, test, list, pack, unpack, compare, bound, study):
    main.add_command(module.command)

__all__ = ["main"]
