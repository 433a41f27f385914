"""Hypothesis profiles: `default` for developers, `ci` (the same examples every time) where CI is set.

And a cache of compiled functions for this very source: numba's own does not see changes in what a function calls.
"""

import hashlib
import os
from pathlib import Path

from hypothesis import settings

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

_ROOT = Path(__file__).parent.parent
_COMPILED = [path for path in sorted((_ROOT / "mdlcodec").rglob("*.py")) if b"numba" in path.read_bytes()]
_DIGEST = hashlib.sha256(b"\0".join(path.read_bytes() for path in _COMPILED)).hexdigest()[:16]
os.environ.setdefault("NUMBA_CACHE_DIR", str(_ROOT / ".pytest_cache" / f"numba-{_DIGEST}"))
