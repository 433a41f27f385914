"""The information plane, honestly: several estimators side by side, controls, and bits that a file proves."""

from mdlcodec.studies.information_plane.study import plane, plane_of_activations

__all__ = ["plane", "plane_of_activations"]
