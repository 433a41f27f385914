"""Results as strict JSON: the one place that writes any.

JSON has no NaN and no infinity: these become the text "NaN", "Infinity" and "-Infinity", wherever they stand.
"""

from __future__ import annotations

import json
import math
from typing import Any


def strict_json(value: Any, indent: int | None = None, *, sort_keys: bool = False) -> str:
    """The JSON text of dicts, lists, tuples, text, numbers, truth values and None, nested as they may be."""
    return json.dumps(_plain(value), indent=indent, sort_keys=sort_keys, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
