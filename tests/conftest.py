"""Hypothesis profiles: `default` for developers, `ci` (the same examples every time) where CI is set.

And where the compiled functions are kept: not among the sources.
"""

import os
from pathlib import Path

from hypothesis import settings

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

# in one place for all tests; mdlcodec.compiled makes a folder in it for every state of the sources
_COMPILED = Path(__file__).parent.parent / ".pytest_cache" / "compiled"
os.environ.setdefault("NUMBA_CACHE_DIR", str(_COMPILED))
