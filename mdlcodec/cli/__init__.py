"""The command line: commands parse, call ``mdlcodec.labels`` and print."""

import click

import mdlcodec
from mdlcodec.cli import decode, encode, list, test
from mdlcodec.cli.failures import CommandGroup


@click.group("mdlcodec", cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(mdlcodec.__version__, "--version", message="%(prog)s %(version)s")
def main() -> None:
    """Turn the labels of a data set into a small file, and the file into the labels again.

    Who holds the inputs and the file gets the labels back exactly, on any machine.

    \b
    Exit codes: 0 done; 1 failed, or a damaged file; 2 usage;
    3 a valid file that cannot be decoded here (newer version, limits).
    """


for module in (encode, decode, test, list):
    main.add_command(module.command)

__all__ = ["main"]
