"""Codes of texts: bytes, one after another, given nothing but those before.

Adding one is one new file and one line in ``TEXT_CODES``.
"""

from mdlcodec.codes.text.contract import EncodedText, TextCode
from mdlcodec.codes.text.learned import LearnedText
from mdlcodec.codes.text.mixing import MixedText
from mdlcodec.codes.text.mixing_lstm import MixedNetworkText
from mdlcodec.codes.text.two_part import TwoPartText
from mdlcodec.codes.text.uniform import UniformText
from mdlcodec.container.ids import HIGHEST_PRESET, CodeId, TextNetId
from mdlcodec.errors import BadData, Unsupported

_AUTO = "auto"

TEXT_CODES: tuple[TextCode, ...] = (
    UniformText(),
    MixedText(),
    MixedNetworkText(),
    LearnedText(TextNetId.TRANSFORMER),
    LearnedText(TextNetId.LSTM),
    TwoPartText(TextNetId.TRANSFORMER_SMALL),
    TwoPartText(TextNetId.TRANSFORMER_MEDIUM),
    TwoPartText(TextNetId.TRANSFORMER),
    TwoPartText(TextNetId.LSTM_SMALL),
    TwoPartText(TextNetId.LSTM),
)
_DEFAULT = "prequential"
_EARLY = {1, 4}  # nets of the prequential code, gone
_SMALLEST = "mixing-lstm"  # auto's net at the highest preset


def text_code_named(code: str, net: str, preset: int | None = None) -> TextCode:
    """The code of that name under that net; for ``auto`` the first of its nets, at the highest preset the one with
    the shortest files. Raises BadData for unknown ones."""
    code = _DEFAULT if code == _AUTO else code
    of_code = [one for one in TEXT_CODES if one.name == code]
    if not of_code:
        names = ", ".join(dict.fromkeys(one.name for one in TEXT_CODES))
        raise BadData(
            f"no code of texts is named {code!r}; choose one of {names}, or for a table whose last column are "
            "labels give --target -1"
        )
    if net == _AUTO and not (code == _DEFAULT and preset == HIGHEST_PRESET):
        return of_code[0]
    net = _SMALLEST if net == _AUTO else net
    found = next((one for one in of_code if one.net == net), None)
    if found is None:
        nets = ", ".join(one.net for one in of_code if one.net is not None)
        raise BadData(
            f"--code {code} of texts has no net {net!r}; choose one of {nets}"
            if nets
            else f"--code {code} learns nothing; leave --net out"
        )
    return found


def text_code_numbered(number: int, net_number: int) -> TextCode:
    """The code with these numbers in a file's header; raises Unsupported for unknown ones."""
    for code in TEXT_CODES:
        if (code.number, code.net_number) == (number, net_number):
            return code
    if number == CodeId.PREQUENTIAL and net_number in _EARLY:
        raise Unsupported(
            "the file is of an early mdlcodec 0.1, whose mixing of texts this version no longer has; decode it "
            "with the version that wrote it"
        )
    raise Unsupported(
        f"the file codes a text by code number {number} with net number {net_number}, which this version does not "
        "know; upgrade mdlcodec"
    )


__all__ = [
    "TEXT_CODES",
    "EncodedText",
    "TextCode",
    "text_code_named",
    "text_code_numbered",
]
