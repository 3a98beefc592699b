import numpy as np
import pandas as pd
import pytest
from rollout_rows import interval

from tto.evaluation.sweeps import COLUMNS, read_sweep
from tto.report.drawing.interval_plot import is_logarithmic, number_text
from tto.report.figures.ablations import draw_ablation, sweep_estimates
from tto.report.numbers.dataset_statistics import DatasetStatistics


def stored(folder, values, scores=((10.0, 20.0), (30.0, 40.0)), datasets=("a", "b")):
    """One row for each value, dataset, seed (2) and rollout (2); dataset b scores twice as much."""
    rows = [
        ("width", value, dataset, dataset, seed, rollout, 10 * times * score, times * score)
        for value in values
        for times, dataset in enumerate(datasets, start=1)
        for seed, of_seed in enumerate(scores)
        for rollout, score in enumerate(of_seed)
    ]
    path = folder / "width.csv"
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(path, index=False)
    return path


@pytest.fixture
def drawn(monkeypatch):
    figures = []
    monkeypatch.setattr(
        "tto.report.figures.ablations.save_figure", lambda figure, *_, **__: figures.append(figure)
    )
    return figures


def test_means_and_intervals_by_hand(tmp_path):
    series = sweep_estimates(read_sweep(stored(tmp_path, [4, 1])), "score")
    assert {name: list(values) for name, values in series.items()} == {
        "a": [4.0, 1.0],
        "b": [4.0, 1.0],
    }
    assert series["a"][4.0] == pytest.approx(interval(15, 35))
    assert series["b"][1.0] == pytest.approx(interval(30, 70))
    returns = sweep_estimates(read_sweep(stored(tmp_path, [4, 1])), "return")
    assert returns["a"][4.0] == pytest.approx(interval(150, 350))


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([True, False], ["on", "off"]),
        (["uniform", "quantile"], ["uniform", "quantile"]),
        (["none", 1], ["none", "1"]),
        ([1e-3, 10], [1e-3, 10.0]),
    ],
)
def test_names_of_values(tmp_path, values, names):
    series = sweep_estimates(read_sweep(stored(tmp_path, values)), "score")
    assert list(series["a"]) == names


def test_lines(tmp_path, drawn):
    statistics = [
        DatasetStatistics(name, "collect", "Hopper-v5", 1, 1, 120.0, 1.0, 120.0, 12.0, 1.0)
        for name in "ac"
    ]
    draw_ablation(read_sweep(stored(tmp_path, [16, 1, 4])), [], statistics=statistics)
    (axis,) = drawn[0].axes
    lines = {line.get_label(): line for line in axis.lines}
    np.testing.assert_array_equal(lines["b"].get_xdata(), [1, 4, 16])
    np.testing.assert_allclose(lines["b"].get_ydata(), 50.0)
    levels = {line.get_ydata()[0] for line in axis.lines if len(line.get_xdata()) == 2}
    assert levels == {12.0}
    assert axis.get_xscale() == "log"
    assert [label.get_text() for label in axis.get_xticklabels()] == ["1", "4", "16"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("width", "normalised score")


def test_bars_in_returns(tmp_path, drawn):
    rows = read_sweep(stored(tmp_path, ["on", "off"]))
    rows["score"] = np.nan
    draw_ablation(rows, [], label="reward-to-go")
    (axis,) = drawn[0].axes
    assert [bar.get_height() for bar in axis.patches] == [250.0, 250.0, 500.0, 500.0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["on", "off"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("reward-to-go", "return")


def test_files_and_an_empty_score(tmp_path):
    path = stored(tmp_path, ["on", "off"], scores=((1.0,),))
    path.write_text("\n".join(line.rsplit(",", 1)[0] + "," for line in path.read_text().split()))
    path.write_text(path.read_text().replace("return,", "return,score"))
    rows = read_sweep(path)
    assert np.isnan(rows["score"].to_numpy(dtype=float)).all()
    paths = [tmp_path / "a.png", tmp_path / "a.pdf"]
    draw_ablation(rows, paths, dpi=60)
    assert all(path.stat().st_size > 1000 for path in paths)


def test_axis_by_hand():
    assert not is_logarithmic([1, 8])
    assert is_logarithmic([1, 9])
    assert not is_logarithmic([0, 100])
    texts = [number_text(value) for value in (0.5, 64, 9999, 20_000, 250_000, 1.5e6, 1e9)]
    assert texts == ["0.5", "64", "9999", "20k", "250k", "1.5M", "1G"]
