"""Memory of temporary arrays."""

import math
import threading

import numpy as np

# shapes remembered for each thread
_VIEWS = 256


class Scratch(threading.local):
    """Memory of temporary arrays, kept from call to call: new pages cost more than the work in them."""

    def __init__(self) -> None:
        self._buffers: dict[str, np.ndarray] = {}
        self._views: dict[tuple[str, tuple[int, ...]], np.ndarray] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        """An array of any contents, valid until the same name is taken again; starts at a cache line.

        One name has one dtype. A cache line beyond the array's end may be read.
        """
        view = self._views.get((name, shape))
        if view is None:
            size = int(np.dtype(dtype).itemsize) * math.prod(shape)  # integers
            buffer = self._buffers.get(name)
            if buffer is None or buffer.size < size + 256:
                buffer = self._buffers[name] = np.empty(size + 256, np.uint8)
                self._views = {key: kept for key, kept in self._views.items() if key[0] != name}
            start = -buffer.ctypes.data % 64
            view = buffer[start : start + size].view(dtype).reshape(shape)
            if len(self._views) < _VIEWS:
                self._views[name, shape] = view
        return view


SCRATCH = Scratch()
