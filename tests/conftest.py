"""Hypothesis profiles: `default` for developers, `ci` (the same examples every time) where CI is set.

Where compiled functions are kept: not among the sources. And how tests share two processes (pytest-xdist): one
thread each, files whole, the longest first; those that use several threads one after another.
"""

import functools
import inspect
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner
from filelock import FileLock
from hypothesis import settings

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

if (
    "mix_stderr" in inspect.signature(CliRunner).parameters
):  # before click 8.2, stderr went into stdout by default
    CliRunner.__init__ = functools.partialmethod(CliRunner.__init__, mix_stderr=False)  # type: ignore[method-assign]

# in one place for all tests; mdlcodec.compiled makes a folder in it for every state of the sources
_COMPILED = Path(__file__).parent.parent / ".pytest_cache" / "compiled"
os.environ.setdefault("NUMBA_CACHE_DIR", str(_COMPILED))
_IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
if _IS_WORKER:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

_LONG = (
    "test_portability.py",
    "test_readme.py",
    "test_receiver.py",
    "test_variational.py",
    "test_sender_loop.py",
    "test_device.py",
    "test_switching.py",
    "test_prequential.py",
    "test_sparsify.py",
    "test_figures.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest first."""
    items.sort(key=lambda item: _LONG.index(item.path.name) if item.path.name in _LONG else len(_LONG))


@pytest.fixture(autouse=True)
def _threads_alone(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Pools that spin starve each other: of tests that run several threads, one at a time."""
    several = _IS_WORKER and "threads" in request.node.originalname
    lock = tmp_path_factory.getbasetemp().parent / "threads.lock"
    with FileLock(lock) if several else nullcontext():
        yield
