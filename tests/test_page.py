"""The page of a study: it needs nothing else, and says what it was given."""

import html.parser

import pytest

from mdlcodec.report.page import page


class _Cells(html.parser.HTMLParser):
    """Texts of the table, and the tags that are not closed."""

    def __init__(self):
        super().__init__()
        self.open, self.values, self.texts = [], [], []

    def handle_starttag(self, tag, attributes):
        if tag != "meta":
            self.open.append(tag)
        if tag == "td":
            self.values.append(dict(attributes)["data-value"])
            self.texts.append("")

    def handle_data(self, data):
        if self.open[-1:] == ["td"]:
            self.texts[-1] += data

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_table_a_command_and_what_was_found():
    rows = [
        {"method": "<drr>", "strength": 0.5, "bytes": 12_345, "none": None, "some": None},
        {"method": "a & b", "strength": 1234.5, "bytes": 7, "none": None, "some": 1e-5},
    ]
    text = page("Title & <more>", 'mdlcodec study "x" > y', [], rows, ["n < 3"]).decode()
    cells = _Cells()
    cells.feed(text)
    assert cells.open == []
    assert cells.values == ["<drr>", "0.5", "12345", "", "a & b", "1234.5", "7", "1e-05"]
    assert cells.texts == ["<drr>", "0.5", "12,345", "", "a & b", "1,234", "7", "1e-05"]
    assert "<h1>Title &amp; &lt;more&gt;</h1>" in text
    assert "<li>n &lt; 3</li>" in text
    assert "<th>none</th>" not in text  # nothing has a value of it
    for outside in ("http", "src=", "<link", "@import", "url("):
        assert outside not in text


def test_pictures_are_within():
    pytest.importorskip("matplotlib")
    from mdlcodec.report.plot import logarithmic, new_figure

    figure = new_figure()
    axes = figure.subplots()
    axes.plot([10, 3000], [0.1, 0.2])
    logarithmic(axes.xaxis, [10, 3000])
    logarithmic(axes.yaxis)
    figure.canvas.draw()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["10", "3,000"]
    assert axes.get_yscale() == "log"
    text = page("a", "b", [(figure, "caption <1>")], []).decode()
    assert text.count("<svg") == 1
    assert "caption &lt;1&gt;" in text
    assert "<tr></tr>" in text
