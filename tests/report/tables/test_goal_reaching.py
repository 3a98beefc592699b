import csv

import numpy as np
import pandas as pd
import pytest
from rollout_rows import interval

from tto.errors import TTOError
from tto.evaluation.goal_rows import ROWS as COLUMNS
from tto.evaluation.goal_rows import read_goal_rows
from tto.report.numbers.goal_reaching import goal_reaching_rows
from tto.report.numbers.statistics import estimate, success_rate
from tto.report.tables.formats import TableFiles
from tto.report.tables.goal_reaching import write_goal_reaching

ROWS = [  # of one model
    ("goal", 0, 0, 1, 1.2, 40, 1.0),
    ("goal", 0, 1, 1, 0.9, 30, 0.5),
    ("goal", 0, 2, 0, 2.0, 100, 1.0),
    ("goal", 0, 3, 1, 0.8, 20, 0.4),
    ("collector", 0, 3, 0, 3.0, 100, 0.4),
    ("collector", 0, 2, 1, 1.1, 35, 1.0),
    ("collector", 0, 1, 1, 0.6, 20, 0.5),
    ("collector", 0, 0, 1, 1.0, 30, 1.0),
]


def stored(folder, rows=ROWS, columns=COLUMNS):
    path = folder / "goal_reaching.csv"
    pd.DataFrame(rows, columns=list(columns)).to_csv(path, index=False)
    return path


def test_ratios_by_hand(tmp_path):
    ours, theirs = goal_reaching_rows(read_goal_rows(stored(tmp_path)))
    assert (ours.method, theirs.method) == ("goal", "collector")
    assert ours.success == success_rate([np.array([1.0, 1.0, 0.0, 1.0])])
    assert (ours.pairs, ours.reached, ours.both_reached, ours.models) == (4, 3, 2, 1)
    assert ours.to_collector == pytest.approx(interval(1.2, 1.5))  # of 1.2 / 1.0 and 0.9 / 0.6
    assert ours.to_collector_total.value == pytest.approx(2.1 / 1.6)
    assert ours.to_shortest.value == pytest.approx((1.2 + 1.8 + 2.0) / 3)
    assert (ours.path_length, ours.steps) == pytest.approx((2.9 / 3, 30.0))
    assert theirs.to_collector is None
    assert theirs.to_shortest.value == pytest.approx((1.0 + 1.2 + 1.1) / 3)


def played(lengths, models: int = 1):
    """Rows of our lengths and the collector's, `[2, pairs]`, dealt out to the models in turn."""
    return [
        (method, pair % models, pair, 1, length, 10, 1.0)
        for method, of_method in zip(("goal", "collector"), lengths, strict=True)
        for pair, length in enumerate(of_method)
    ]


def test_interval_of_the_total_ratio_by_leaving_pairs_out(tmp_path):
    """The jackknife's standard error is a slow twin of the linearised one."""
    lengths = np.random.default_rng(0).uniform(0.5, 2.0, (2, 200))
    ours, _ = goal_reaching_rows(read_goal_rows(stored(tmp_path, played(lengths))))
    total = lengths[0].sum() / lengths[1].sum()
    without = [
        np.delete(lengths[0], pair).sum() / np.delete(lengths[1], pair).sum() for pair in range(200)
    ]
    error = (199 / 200 * sum((one - np.mean(without)) ** 2 for one in without)) ** 0.5
    value, low, high = ours.to_collector_total or (0.0, 0.0, 0.0)
    assert value == pytest.approx(total)
    assert (total - low, high - total) == pytest.approx((1.972 * error,) * 2, rel=0.02)


def test_intervals_are_the_wider_of_pairs_and_models(tmp_path):
    """Models that differ: over pairs the interval would be a fraction of that over models."""
    lengths = np.ones((2, 300)) + np.random.default_rng(0).uniform(0, 0.01, (2, 300))
    lengths[0] *= np.tile([1.0, 1.2, 1.4], 100)
    ours, _ = goal_reaching_rows(read_goal_rows(stored(tmp_path, played(lengths, models=3))))
    ratios = lengths[0] / lengths[1]
    models = [ratios[seed::3].mean() for seed in range(3)]
    assert ours.to_collector == pytest.approx(interval(*models))
    pairs = estimate([ratios[pair : pair + 1] for pair in range(300)])
    assert ours.to_collector.low < pairs.low - 0.3
    assert ours.to_collector_total == pytest.approx(ours.to_collector, abs=0.01)
    alike = np.ones((2, 300)) + np.random.default_rng(0).uniform(0, 0.01, (2, 300))
    rows, _ = goal_reaching_rows(read_goal_rows(stored(tmp_path, played(alike, models=3))))
    assert rows.models == 3
    assert rows.success == success_rate([np.ones(100)] * 3)


def test_table(tmp_path):
    paths = {name: tmp_path / f"t.{name}" for name in ("csv", "markdown", "html")}
    write_goal_reaching(goal_reaching_rows(read_goal_rows(stored(tmp_path))), TableFiles(**paths))
    with open(paths["csv"], newline="") as file:
        ours, theirs = csv.DictReader(file)
    assert float(ours["success"]) == 0.75
    assert float(ours["to_collector_low"]) == pytest.approx(interval(1.2, 1.5)[1])
    assert theirs["to_collector"] == ""
    markdown = paths["markdown"].read_text()
    assert "1.35 [-0.56, 3.26]" in markdown
    assert "3 of 4" in markdown
    assert "1.35 [-0.56, 3.26]" in paths["html"].read_text()


def test_nothing_reached(tmp_path):
    rows = [("goal", 0, 0, 0, 1.0, 100, 1.0), ("collector", 0, 0, 1, 1.0, 30, 1.0)]
    ours, theirs = goal_reaching_rows(read_goal_rows(stored(tmp_path, rows)))
    assert (ours.to_collector, ours.to_shortest, ours.path_length) == (None, None, None)
    assert theirs.to_shortest == (1.0, None, None)
    paths = {name: tmp_path / f"t.{name}" for name in ("csv", "markdown", "html")}
    write_goal_reaching([ours, theirs], TableFiles(**paths))
    assert "0 of 1" in paths["markdown"].read_text()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "got none"),
        ([*ROWS, ROWS[0]], "two rows of one"),
        (ROWS[:-1], "same pairs"),
        ([("expert", 0, 0, 1, 1.0, 3, 1.0)], "got expert"),
        ([("goal", 0, 0, 1, 0.0, 3, 1.0)], "above 0"),
        ([("goal", 0, 0, "yes", 1.0, 3, 1.0)], "0 or 1"),
        ([("goal", 0, 0, 1, None, 3, 1.0)], "a value in every"),
        ([ROWS[0], ("collector", 1, *ROWS[-1][2:])], "one seed for each pair"),
    ],
)
def test_bad_files(tmp_path, rows, message):
    with pytest.raises(TTOError, match=message):
        read_goal_rows(stored(tmp_path, rows))


def test_foreign_files(tmp_path):
    with pytest.raises(TTOError, match="expected a CSV file"):
        read_goal_rows(tmp_path / "none.csv")
    with pytest.raises(TTOError, match="got method"):
        read_goal_rows(stored(tmp_path, [row[:5] for row in ROWS], COLUMNS[:5]))
