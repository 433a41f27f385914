"""Windows that pooling slides over maps."""

from mdlcodec.errors import BadData
from mdlcodec.nn.node import Shape


def pooled_shape(maps: Shape, kernel: int | None, stride: int) -> Shape:
    """(c, h, w) -> (c, h', w'), or (c,) for ``kernel`` None, the whole map. Raises BadData for what are no maps, or
    maps that are too small."""
    if len(maps) != 3:
        raise BadData(f"pooling takes maps (c, h, w), not values of shape {maps}")
    if kernel is None:
        return maps[:1]
    if min(maps[1:]) < kernel:
        raise BadData(f"pooling of {kernel}x{kernel} places does not fit a map of {maps[1:]}")
    return (maps[0], *((side - kernel) // stride + 1 for side in maps[1:]))
