"""What a worker does for each study: a file with ``encode`` and ``decode``, each a task (a dict) -> an
answer.

A new study's is one file and one line here.
"""

from mdlcodec.studies.tasks import classes, plane_estimates, plane_training, probes, reals, texts

TASKS = {
    "classes": classes,
    "plane_estimates": plane_estimates,
    "plane_training": plane_training,
    "probes": probes,
    "reals": reals,
    "texts": texts,
}
