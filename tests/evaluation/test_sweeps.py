import h5py
import numpy as np
import pandas as pd
import pytest

from tto.errors import TTOError
from tto.evaluation.rollout import Rollout
from tto.evaluation.rollout_file import Evaluation, write_rollouts
from tto.evaluation.sweeps import (
    COLUMNS,
    Point,
    best_value,
    collect_sweep,
    read_choice,
    read_sweep,
    write_choice,
)
from tto.row_files import write_rows


def play(folder, returns, seed=0):
    """Write rollouts of one model with these returns; return their files."""
    paths = [folder / f"seed{seed}-rollout{j}.h5" for j in range(len(returns))]
    rollouts = [
        Rollout(
            observations=np.zeros((2, 2), dtype=np.float32),
            actions=np.zeros((1, 1), dtype=np.float32),
            rewards=np.array([total]),
            terminated=True,
            truncated=False,
            plan_seconds=np.array([0.01]),
            batch=np.array([2]),
        )
        for total in returns
    ]
    evaluation = Evaluation("Hopper-v5", "d", source="file", method="tto", seed=seed, offset=0)
    write_rollouts(paths, rollouts, evaluation, plan_ms_alone=10.0)
    return paths


@pytest.fixture
def rows(tmp_path):
    points = [
        Point("d", "true", play(tmp_path / "a", [1.0, 3.0]) + play(tmp_path / "a", [8.0, 8.0], 1)),
        Point("d", "false", play(tmp_path / "b", [5.0, 5.0]) + play(tmp_path / "b", [5.5, 5.5], 1)),
    ]
    return collect_sweep("to_go", points)


def test_rows_and_files(tmp_path, rows):
    assert tuple(rows.columns) == COLUMNS
    assert list(rows["value"]) == ["true"] * 4 + ["false"] * 4
    assert list(rows["return"]) == [1, 3, 8, 8, 5, 5, 5.5, 5.5]
    assert list(rows["seed"]) == [0, 0, 1, 1] * 2
    write_rows(tmp_path / "rows.csv", rows)
    pd.testing.assert_frame_equal(read_sweep(tmp_path / "rows.csv"), rows, check_dtype=False)


def test_the_best_value_by_the_mean_over_models(tmp_path, rows):
    assert best_value(rows) == "false"  # 5.25 against 5
    rows.loc[3, "return"] = 10.0
    assert best_value(rows) == "true"  # 5.5
    rows.loc[3, "return"] = 9.0
    assert best_value(rows) == "true"  # equal: the first
    write_choice(tmp_path / "chosen.txt", "true")
    assert read_choice(tmp_path / "chosen.txt") == "true"


def test_a_missing_rollout_is_an_error(tmp_path):
    paths = play(tmp_path, [1.0])
    with h5py.File(paths[0], "a") as file:
        del file["rewards"]
    with pytest.raises(TTOError):
        collect_sweep("s", [Point("d", "1", paths)])


def test_bad_files(tmp_path, rows):
    with pytest.raises(TTOError, match="expected a CSV file of a sweep"):
        read_sweep(tmp_path / "none.csv")
    path = tmp_path / "rows.csv"
    write_rows(path, rows)
    lines = path.read_text().splitlines()
    for text, message in [
        (lines[:1], "got none"),
        (["a,b", "1,2"], "got a, b"),
        ([*lines, lines[1]], "two rows of one"),
        ([*lines, "depth,1,d,d,9,9,1,1"], "got depth, to_go"),
        ([*lines, "to_go,1,d,d,9,9,,1"], "empty ones in return"),
    ]:
        path.write_text("\n".join(text) + "\n")
        with pytest.raises(TTOError, match=message):
            read_sweep(path)
