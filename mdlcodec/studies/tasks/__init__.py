"""What a worker does for each study: a file with ``encode`` and ``decode``, each a task (a dict) -> an answer.

A new study's is one file and one line here.
"""

from mdlcodec.studies.tasks import classes, probes, reals

TASKS = {"classes": classes, "probes": probes, "reals": reals}
