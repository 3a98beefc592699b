"""One style for all figures: told apart in grey and by colour-blind readers, fonts inside."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import tto.report
from tto.report.drawing import style
from tto.report.drawing.style import LOOKS
from tto.report.figures.paper import figure4

SOURCES = sorted(Path(tto.report.__file__).parent.rglob("*.py"))
# What a dichromat sees, in linear RGB (after Viénot, Brettel and Mollon 1999).
DEUTAN = np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]])
PROTAN = np.array([[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]])


def linear(color):
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIELAB (D65) of linear RGB."""
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(matrix) @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def lightness(color):
    return lab(linear(color))[0]


def test_lightness_by_hand():
    assert lightness("black") == pytest.approx(0.0, abs=1e-6)
    assert lightness("white") == pytest.approx(100.0, abs=0.01)
    assert lightness("#777777") == pytest.approx(50.0, abs=0.5)


def test_the_first_three_differ_in_grey():
    for a, b in itertools.combinations(LOOKS[:3], 2):
        assert abs(lightness(a.color) - lightness(b.color)) > 10


@pytest.mark.parametrize("matrix", [np.eye(3), DEUTAN, PROTAN], ids=["all", "deutan", "protan"])
def test_the_first_four_differ_for_all_readers(matrix):
    for a, b in itertools.combinations(LOOKS[:4], 2):
        seen = [lab(matrix @ linear(look.color)) for look in (a, b)]
        assert np.linalg.norm(seen[0] - seen[1]) > 20, (a.color, b.color)


@pytest.mark.parametrize("part", ["color", "marker", "line", "hatch"])
def test_every_series_differs_in_every_way(part):
    values = [str(getattr(look, part)) for look in LOOKS]
    assert len(set(values)) == len(LOOKS)


def test_neighbouring_bars_of_figure4_differ_in_grey():
    for looks in (figure4.PUBLISHED_LOOKS, figure4.OUR_LOOKS):
        for a, b in itertools.pairwise(looks.values()):
            assert abs(lightness(a.color) - lightness(b.color)) > 7, (a, b)


def test_text_is_dark_enough_on_the_page():
    """Contrast of the colours that words are written in, after WCAG: 3 for large marks."""
    for color in (style.BLUE, style.ORANGE):
        luminance = linear(color) @ [0.2126, 0.7152, 0.0722]
        assert 1.05 / (luminance + 0.05) > 3


def test_all_figures_are_drawn_in_the_one_style():
    drawing = [path for path in SOURCES if re.search(r"= Figure\(", path.read_text())]
    assert len(drawing) > 10
    for path in drawing:
        text = path.read_text()
        assert "with paper_style():" in text, path.name
        assert "save_figure(" in text, path.name
    for path in SOURCES:
        if path.name != "style.py":
            assert "pyplot" not in path.read_text(), path.name
            assert "savefig" not in path.read_text(), path.name


@pytest.mark.parametrize(("count", "one_row"), [(2, True), (8, False)])
def test_a_legend_stays_within_its_figure(count, one_row):
    figure = Figure(figsize=(3.0, 2.0), layout="constrained")
    axis = figure.subplots()
    entries = {f"method {number}": axis.plot([0, 1])[0] for number in range(count)}
    style.draw_legend(figure, entries)
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert [text.get_text() for text in legend.get_texts()] == list(entries)
    assert box.width <= figure.bbox.width
    figure.draw_without_rendering()
    rows = len({round(text.get_window_extent().y0) for text in legend.get_texts()})
    assert (rows == 1) == one_row
