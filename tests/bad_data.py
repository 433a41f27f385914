"""How data that cannot be used is refused."""

import pytest

from mdlcodec.errors import BadData


def failure(call, *arguments, **options):
    """The one line in which the call fails."""
    with pytest.raises(BadData) as error:
        call(*arguments, **options)
    text = str(error.value)
    assert "\n" not in text
    assert text.isprintable()
    return text
