"""The example that draws a beam."""

import runpy
from pathlib import Path

from PIL import Image
from tiny_models import save_model

EXAMPLE = Path(__file__).parents[2] / "examples" / "look_at_the_beam.py"


def test_the_example_draws_a_beam(tmp_path, capsys):
    folder = save_model(tmp_path / "model", vocabulary=8)
    script = runpy.run_path(str(EXAMPLE))
    script["main"](str(folder), str(tmp_path / "beam.png"), "3")
    printed = capsys.readouterr().out
    assert "4 transitions: 32 kept" in printed
    with Image.open(tmp_path / "beam.png") as picture:
        assert picture.width > 900


def test_the_example_is_short():
    assert len(EXAMPLE.read_text().splitlines()) <= 40
