"""What can go wrong, as the user is told it: one line, and an exit code (DESIGN: command line)."""


class MdlcodecError(Exception):
    """Base of every error the program raises on purpose; ``str`` of it is the line for the user."""

    exit_code = 1


class CorruptFile(MdlcodecError):
    """The file is damaged, truncated, or not one of ours."""


class WrongInputs(MdlcodecError):
    """The inputs given to the decoder are not those the file was made with."""


class InexactComputation(MdlcodecError):
    """A value that must not be coded with appeared: NaN or infinity in training, or an inexact operation."""


class BadData(MdlcodecError):
    """The data or the arguments given by the user cannot be used."""

    exit_code = 2


class Unsupported(MdlcodecError):
    """A valid file that this version cannot decode: newer format, unknown code or network."""

    exit_code = 3


class LimitExceeded(MdlcodecError):
    """Decoding would exceed a limit (steps, memory, parameters) set by the program or the user."""

    exit_code = 3
