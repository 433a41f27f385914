"""Every vector of formats/vectors/ by the package and by formats/decoder/, bit for bit, and what pages say of them.

The files are written once. A vector that fails says that the package, the decoder or the page has changed: the file
is right.
"""

import re
from pathlib import Path

import numpy as np
import pytest
import vectors_by_decoder
import vectors_by_package
import vectors_of_codes_by_decoder
import vectors_of_codes_by_package
import vectors_of_sequences_by_decoder
import vectors_of_sequences_by_package
from vectors import FOLDER, PAGES, bits, same, value, vectors

from mdlcodec.container.ids import Purpose
from mdlcodec.exact.engines import ENGINES

FORMATS = Path(__file__).parents[1] / "formats"
ALL = [vector for page in PAGES for vector in vectors(page)]
BY = {
    "package": vectors_by_package.CHECKS
    | vectors_of_codes_by_package.CHECKS
    | vectors_of_sequences_by_package.CHECKS,
    "decoder": vectors_by_decoder.CHECKS
    | vectors_of_codes_by_decoder.CHECKS
    | vectors_of_sequences_by_decoder.CHECKS,
}
PRODUCTS = [v for v in ALL if v.primitive in ("fully connected", "convolution")]


def _name(vector):
    return f"{vector.page}: {vector.primitive}: {vector.name}"


def _check(vector, function, **more):
    got = function(**{key: value(given) for key, given in vector.inputs.items()}, **more)
    assert set(got) == set(vector.outputs)
    different = [key for key in got if not same(vector.outputs[key], got[key])]
    assert not different, {key: (vector.outputs[key], got[key]) for key in different}


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("vector", ALL, ids=_name)
def test_vector(vector, by):
    _check(vector, BY[by][vector.page][vector.primitive])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("vector", PRODUCTS, ids=_name)
def test_products_of_every_engine(vector, engine):
    _check(vector, BY["package"]["arithmetic"][vector.primitive], engine=ENGINES[engine])


def _index():
    """Page -> primitives, as the table of formats/README.md lists them."""
    section = (FORMATS / "README.md").read_text().split("## Vectors")[1]
    rows = re.findall(r"^\| `(\w+)\.json` \| (.*) \|$", section, re.MULTILINE)
    return {page: primitives.split("; ") for page, primitives in rows}


def test_the_index_lists_every_primitive_and_each_has_vectors():
    index = _index()
    assert sorted(index) == sorted(PAGES) == sorted(path.stem for path in FOLDER.iterdir())
    for page, primitives in index.items():
        assert primitives == list(dict.fromkeys(vector.primitive for vector in vectors(page))), page
        for checks in BY.values():
            assert set(checks[page]) == set(primitives), page


@pytest.mark.parametrize("page", PAGES)
def test_names_are_distinct_and_sections_exist(page):
    text = (FORMATS / f"{page}.md").read_text()
    headings = [line.lstrip("#").strip() for line in text.splitlines() if line.startswith("#")]
    rows = vectors(page)
    assert len({_name(vector) for vector in rows}) == len(rows)
    for vector in rows:
        assert vector.outputs, _name(vector)
        for section in (
            re.findall(r"\d+", vector.section) if vector.section[0].isdigit() else [vector.section]
        ):
            start = f"{section}. " if section.isdigit() else section
            assert any(heading.startswith(start) for heading in headings), _name(vector)


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_their_vectors(page):
    assert f"Vectors: `vectors/{page}.json`" in (FORMATS / f"{page}.md").read_text()


# tables of the pages, a row each: function, argument, the bits of the value
TABLES = {"arithmetic": ("exp", "log", "tanh", "normal_quantile"), "reals": ("normal tail",)}


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("page", TABLES)
def test_tables_of_functions(page, by):
    text = (FORMATS / f"{page}.md").read_text()
    rows = re.findall(r"^\| ([\w ]+) \| (\S+) \| `([0-9a-f]{16})` \|$", text, re.MULTILINE)
    assert {function for function, _, _ in rows} == set(TABLES[page])
    for function, argument, expected in rows:
        (y,) = BY[by][page][function](x=np.array([float(argument)]))["y"].tolist()
        assert bits(y) == expected, (function, argument)


def test_purposes_of_streams_are_those_given_out():
    text = (FORMATS / "arithmetic.md").read_text().split("| purpose |")[1].split("## 6.")[0]
    rows = re.findall(r"^\| ([0-9, ]+) \|", text, re.MULTILINE)
    assert sorted(int(n) for row in rows for n in row.split(",")) == sorted(Purpose)


def test_a_difference_in_one_bit_is_seen():
    x = np.array([1.0, -0.0, 3.0])
    expected = {"type": "f8", "shape": [3], "hex": x.tobytes().hex()}
    assert same(expected, x)
    assert not same(expected, np.array([1.0, 0.0, 3.0]))
    assert not same(expected, np.array([1.0, -0.0, np.nextafter(3.0, 4.0)]))
    assert not same(expected, x[:2])
    assert not same(expected, x.astype(np.float32))
    assert not same([1, 2], [1, 3])
    assert not same(1, True)


@pytest.mark.parametrize("primitive", ["exp", "normal_quantile", "columnsum", "softmax", "Adam"])
def test_a_value_that_is_off_by_one_bit_fails(primitive):
    """What the vectors are for: the last bit of the last value, and they say so."""
    vector = next(v for v in vectors("arithmetic") if v.primitive == primitive)

    def off(**inputs):
        got = BY["package"]["arithmetic"][primitive](**inputs)
        key, y = next(iter(got.items()))
        whole = np.ascontiguousarray(y).view(f"i{y.itemsize}").copy()
        whole.reshape(-1)[-1] ^= 1
        return got | {key: whole.view(y.dtype)}

    with pytest.raises(AssertionError):
        _check(vector, off)
