import csv

import numpy as np
import pandas as pd
import pytest

from tto.errors import TTOError
from tto.report.goal_reaching import (
    COLUMNS,
    goal_reaching_rows,
    read_goal_reaching,
    write_goal_reaching,
)
from tto.report.statistics import success_rate

ROWS = [
    ("goal", 0, 1, 1.2, 40, 1.0),
    ("goal", 1, 1, 0.9, 30, 0.5),
    ("goal", 2, 0, 2.0, 100, 1.0),
    ("goal", 3, 1, 0.8, 20, 0.4),
    ("collector", 3, 0, 3.0, 100, 0.4),
    ("collector", 2, 1, 1.1, 35, 1.0),
    ("collector", 1, 1, 0.6, 20, 0.5),
    ("collector", 0, 1, 1.0, 30, 1.0),
]


def stored(folder, rows=ROWS, columns=COLUMNS):
    path = folder / "goal_reaching.csv"
    pd.DataFrame(rows, columns=list(columns)).to_csv(path, index=False)
    return path


def test_ratios_by_hand(tmp_path):
    ours, theirs = goal_reaching_rows(read_goal_reaching(stored(tmp_path)))
    assert (ours.method, theirs.method) == ("goal", "collector")
    assert ours.success == success_rate(3, 4)
    assert (ours.pairs, ours.reached, ours.both_reached) == (4, 3, 2)
    assert ours.to_collector == pytest.approx((1.35, 1.2, 1.5))  # of 1.2 / 1.0 and 0.9 / 0.6
    assert ours.to_collector_total.value == pytest.approx(2.1 / 1.6)
    assert ours.to_shortest.value == pytest.approx((1.2 + 1.8 + 2.0) / 3)
    assert (ours.path_length, ours.steps) == pytest.approx((2.9 / 3, 30.0))
    assert theirs.to_collector is None
    assert theirs.to_shortest.value == pytest.approx((1.0 + 1.2 + 1.1) / 3)


def test_total_ratio_equals_a_loop_over_draws(tmp_path):
    generator = np.random.default_rng(0)
    rows = [
        (method, pair, 1, length, 10, 1.0)
        for method in ("goal", "collector")
        for pair, length in enumerate(generator.uniform(0.5, 2.0, 30))
    ]
    ours, _ = goal_reaching_rows(read_goal_reaching(stored(tmp_path, rows)), seed=3)
    lengths = np.array([row[3] for row in rows]).reshape(2, 30)
    draws, slow = np.random.default_rng(3), []
    for _ in range(2000):
        chosen = draws.integers(0, 30, 30)
        slow.append(lengths[0, chosen].sum() / lengths[1, chosen].sum())
    assert ours.to_collector_total[1:] == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])))


def test_table(tmp_path):
    paths = {name: tmp_path / f"t.{name}" for name in ("csv", "markdown", "html")}
    write_goal_reaching(goal_reaching_rows(read_goal_reaching(stored(tmp_path))), **paths)
    with open(paths["csv"], newline="") as file:
        ours, theirs = csv.DictReader(file)
    assert float(ours["success"]) == 0.75
    assert float(ours["to_collector_low"]) == pytest.approx(1.2)
    assert theirs["to_collector"] == ""
    markdown = paths["markdown"].read_text()
    assert "1.35 [1.20, 1.50]" in markdown
    assert "3 of 4" in markdown
    assert "1.35 [1.20, 1.50]" in paths["html"].read_text()


def test_nothing_reached(tmp_path):
    rows = [("goal", 0, 0, 1.0, 100, 1.0), ("collector", 0, 1, 1.0, 30, 1.0)]
    ours, theirs = goal_reaching_rows(read_goal_reaching(stored(tmp_path, rows)))
    assert (ours.to_collector, ours.to_shortest, ours.path_length) == (None, None, None)
    assert theirs.to_shortest == (1.0, None, None)
    paths = {name: tmp_path / f"t.{name}" for name in ("csv", "markdown", "html")}
    write_goal_reaching([ours, theirs], **paths)
    assert "0 of 1" in paths["markdown"].read_text()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "got 0 rows"),
        ([*ROWS, ROWS[0]], "two of one"),
        (ROWS[:-1], "same pairs"),
        ([("expert", 0, 1, 1.0, 3, 1.0)], "got expert"),
        ([("goal", 0, 1, 0.0, 3, 1.0)], "above 0"),
        ([("goal", 0, "yes", 1.0, 3, 1.0)], "0 or 1"),
        ([("goal", 0, 1, None, 3, 1.0)], "a value in each"),
    ],
)
def test_bad_files(tmp_path, rows, message):
    with pytest.raises(TTOError, match=message):
        read_goal_reaching(stored(tmp_path, rows))


def test_foreign_files(tmp_path):
    with pytest.raises(TTOError, match="expected a CSV file"):
        read_goal_reaching(tmp_path / "none.csv")
    with pytest.raises(TTOError, match="got 8 rows of method"):
        read_goal_reaching(stored(tmp_path, [row[:5] for row in ROWS], COLUMNS[:5]))
