"""Figure 2, calibration, the table and the answer about context, on rows made by hand."""

import csv

import numpy as np
import pandas as pd
import pytest

from tto.analysis.indistinguishable import COLUMNS as ANSWER_COLUMNS
from tto.analysis.log_likelihoods import COLUMNS
from tto.errors import TTOError
from tto.report.figures.paper.figure2 import _line, curve, draw_calibration, draw_figure2
from tto.report.tables.formats import TableFiles
from tto.report.tables.model_analysis import (
    analysis_rows,
    context_answer,
    context_gains,
    write_model_analysis,
)

ANSWERS = pd.DataFrame(
    [
        ("hopper", "Hopper-v5", "transformer", 0, 100, 40, 44, 80),
        ("hopper", "Hopper-v5", "ensemble_ts_inf", 0, 100, 40, 80, 80),
    ],
    columns=list(ANSWER_COLUMNS),
)
LEVELS = {"transformer": 30.0, "markovian": 28.0, "ensemble_ts_inf": 20.0, "wide": 25.0}


def rows_of(
    state: str = "full", levels: dict[str, float] = LEVELS, steps: int = 5, env: str = "Hopper-v5"
) -> pd.DataFrame:
    """Model level - step + seed + 0.1 episode, for two seeds and three episodes."""
    rows = [
        (
            *(f"{env}-{state}", env, state, model, seed, episode, step),
            *(level - step + seed + 0.1 * episode, 40.0, 0.5 + 0.1 * seed, 0.25 * (episode == 1)),
        )
        for model, level in levels.items()
        for seed in (0, 1)
        for episode in (0, 1, 2)
        for step in range(1, steps + 1)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_a_curve_is_a_mean_over_episodes_with_the_span_of_seeds():
    rows = rows_of()
    steps, mean, low, high = curve(rows[rows["model"] == "transformer"], "log_likelihood")
    assert steps.tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(low, 30.1 - steps)
    np.testing.assert_allclose(high, 31.1 - steps)
    np.testing.assert_allclose(mean, 30.6 - steps)


def test_rows_of_the_table_by_hand():
    transformer, markovian, ensemble, wide = analysis_rows(rows_of())
    assert [row.model for row in (transformer, markovian, ensemble, wide)] == [*LEVELS]
    assert transformer.steps == (1, 3, 5)
    assert [s.mean for s in transformer.log_likelihoods] == pytest.approx([29.6, 27.6, 25.6])
    last = transformer.log_likelihoods[2]
    assert (last.low, last.high) == pytest.approx((25.1, 26.1))
    assert (ensemble.covered.low, ensemble.covered.high) == pytest.approx((0.5, 0.6))
    assert (wide.out_of_range, wide.seeds, wide.episodes) == (pytest.approx(0.25 / 3), 2, 3)


def test_the_gain_of_context_is_paired():
    full, masked = context_gains(
        pd.concat([rows_of(), rows_of("masked", LEVELS | {"markovian": 10.0})])
    )
    assert (full.state, full.steps) == ("full", 5)
    assert (full.gain.mean, full.gain.low, full.last.high) == pytest.approx((2.0, 2.0, 2.0))
    assert masked.last.mean == pytest.approx(20.0)
    answer = context_answer([full, masked])
    assert "+2.0 (seeds +2.0 to +2.0) nats" in answer
    assert "state context is worth more than with a fully observed one" in answer


@pytest.mark.parametrize(
    ("markovian", "verdict"), [(28.0, "helps in"), (31.0, "hurts in"), (30.0, "makes no")]
)
def test_the_verdict_follows_the_seeds(markovian: float, verdict: str):
    gains = context_gains(rows_of(levels=LEVELS | {"markovian": markovian}))
    assert f"so context {verdict}" in context_answer(gains)


def test_without_a_markovian_variant_nothing_is_claimed():
    rows = rows_of(levels={"transformer": 1.0})
    assert context_gains(rows) == []
    assert "Not tested" in context_answer([])


def test_table_files(tmp_path):
    paths = {name: tmp_path / f"t.{name}" for name in ("csv", "markdown", "html")}
    write_model_analysis(rows_of(), TableFiles(**paths), answers=ANSWERS, trajectories=9)
    with open(paths["csv"], newline="") as file:
        first, *_ = csv.DictReader(file)
    assert (first["model"], first["last_step"]) == ("transformer", "5")
    assert float(first["middle_log_likelihood"]) == pytest.approx(27.6)
    text = paths["markdown"].read_text()
    assert "25.6 [25.1, 26.1]" in text
    assert "Does long context matter?" in text
    assert "55 [44, 65]" in text  # Wilson's interval of 44 of 80
    assert "100 [95, 100]" in text
    assert "Transformer, wide" in paths["html"].read_text()


def test_figures_are_drawn_and_do_not_depend_on_the_clock(tmp_path):
    both = pd.concat([rows_of(), rows_of("masked"), rows_of(env="tto/Humanoid-v5", steps=4)])
    for draw, name in ((draw_figure2, "figure2"), (draw_calibration, "calibration")):
        contents = []
        for run in ("a", "b"):
            paths = [tmp_path / run / f"{name}{suffix}" for suffix in (".png", ".pdf")]
            draw(both, paths, dpi=60)
            contents.append([path.read_bytes() for path in paths])
        assert contents[0] == contents[1]
    one_panel = tmp_path / "one.png"
    draw_figure2(rows_of(), [one_panel], dpi=60)
    assert one_panel.stat().st_size > 0


def test_extra_lines_are_thinner_and_no_other_look_changes(monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(
        "tto.report.figures.paper.figure2._draw_curves",
        lambda axis, rows, models, column: drawn.append(models),
    )
    extra = {"transformer_recorded": 29.0, "ensemble_ts_inf_recorded": 21.0, "marginal": 10.0}
    draw_figure2(rows_of(levels=LEVELS | extra), [tmp_path / "f.png"])
    assert drawn == [["transformer", "markovian", "ensemble_ts_inf", *extra]]
    for name in extra:
        assert _line(name, drawn[0])["linewidth"] < _line("transformer", drawn[0])["linewidth"]
    for name in ("transformer", "ensemble_ts_inf"):
        assert _line(f"{name}_recorded", drawn[0])["color"] == _line(name, drawn[0])["color"]
    for models in (["transformer", "wide"], ["transformer", *extra, "wide"]):
        assert _line("wide", models) == _line("wide", ["wide"])


def test_no_row_of_the_papers_models_is_an_error(tmp_path):
    with pytest.raises(TTOError, match="expected rows of transformer"):
        draw_figure2(rows_of(levels={"wide": 1.0}), [tmp_path / "f.png"])


def test_other_robots_leave_the_figure_to_the_papers(monkeypatch):
    titles = []
    monkeypatch.setattr(
        "tto.report.figures.paper.figure2.save_figure",
        lambda figure, *_, **__: titles.extend(axis.get_title() for axis in figure.axes),
    )
    hopper, humanoid = rows_of(), rows_of(env="tto/Humanoid-v5")
    draw_figure2(pd.concat([hopper, humanoid]), [])
    draw_figure2(hopper, [])
    assert titles == ["humanoid, fully observed", "hopper, fully observed"]
