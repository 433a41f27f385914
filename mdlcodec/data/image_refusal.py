"""Why an image file is refused, in the words that the user reads after its name."""

from __future__ import annotations

LOSSY = "is lossy, and other decoders may give other pixels; convert the images to PNG once and keep those"
SEVERAL = "holds several images; save each in a file of its own"
DEEP = "does not hold values of 8 bits, 0 to 255; convert the images to 8 bits"
TURNED = "is stored turned (TIFF's Orientation); save the images upright"
NEITHER = "is neither grey nor RGB of 8 bits; convert it to PNG"


class Refused(Exception):
    """An image file that is not read; ``str`` of it goes on where the file's name ends."""


class Damaged(Refused):
    """One that is cut short, or does not hold what it says it does."""

    def __init__(self, what: str) -> None:
        super().__init__(f"is damaged ({what}); is the file complete?")
