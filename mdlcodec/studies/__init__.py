"""Experiments over many files. Every point is a file that another process decoded than wrote it; a folder keeps
the files with their records, so that a study that was ended goes on."""

from mdlcodec.studies.frontier import frontier
from mdlcodec.studies.information_plane import plane, plane_of_activations
from mdlcodec.studies.randomise import randomise
from mdlcodec.studies.samples import samples, samples_of_teacher
from mdlcodec.studies.teacher import teacher
from mdlcodec.studies.text_frontier import text_frontier

__all__ = [
    "frontier",
    "plane",
    "plane_of_activations",
    "randomise",
    "samples",
    "samples_of_teacher",
    "teacher",
    "text_frontier",
]
