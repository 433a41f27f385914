"""``python -m mdlcodec``: the command line."""

from mdlcodec.cli import main

main(prog_name="mdlcodec")
