"""Variables of the environment that the libraries below would fail with in their own way."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mdlcodec.errors import BadData

_MOST = 1 << 14
_NUMBER = re.compile("[0-9]{1,6}")


def require_numbers_of_threads(environment: Mapping[str, str]) -> None:
    """Raise BadData where numba could not start."""
    name = "NUMBA_NUM_THREADS"
    value = environment.get(name)
    if value is None:
        return
    if not _NUMBER.fullmatch(value.strip()) or not 1 <= int(value) <= _MOST:
        raise BadData(
            f"{name}={value!r} is no number of threads from 1 to {_MOST:,}; correct it, or unset it"
        )
