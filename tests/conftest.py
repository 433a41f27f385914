"""Hypothesis profiles: `default` for developers, `ci` (the same examples every time) where CI is set.

Where compiled functions are kept: not among the sources. And how tests share two processes (pytest-xdist): one
thread each, those that use several threads one after another, the longest first.
"""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

# in one place for all tests; mdlcodec.compiled makes a folder in it for every state of the sources
_COMPILED = Path(__file__).parent.parent / ".pytest_cache" / "compiled"
os.environ.setdefault("NUMBA_CACHE_DIR", str(_COMPILED))
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

_LONG = (
    "test_portability.py",
    "test_readme.py",
    "test_receiver.py",
    "test_variational.py",
    "test_switching.py",
)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; whatever runs several threads in one group, as spinning pools starve each other."""
    for item in items:
        if "threads" in item.nodeid or item.path.name == "test_portability.py":
            item.add_marker(pytest.mark.xdist_group("threads"))
    items.sort(key=lambda item: _LONG.index(item.path.name) if item.path.name in _LONG else len(_LONG))
