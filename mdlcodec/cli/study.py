"""``mdlcodec study``: experiments over many files."""

from __future__ import annotations

import click

from mdlcodec.cli import study_frontier, study_plane, study_randomise, study_samples, study_teacher
from mdlcodec.cli.failures import CommandGroup


@click.group("study", cls=CommandGroup)
def command() -> None:
    """Experiments of the papers, every point of which is a file that was decoded.

    Each writes a folder of files with records, pictures and a page (index.html), and goes on from there when
    the same command is run again.
    """


for module in (study_frontier, study_plane, study_randomise, study_samples, study_teacher):
    command.add_command(module.command)
