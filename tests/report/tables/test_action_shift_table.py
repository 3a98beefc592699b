import csv

import numpy as np
from rollout_rows import HOPPER, interval, rollout_rows

from tto.report.tables.action_shift import write_action_shift
from tto.report.tables.formats import TableFiles


def test_rows_of_planned_episodes(tmp_path):
    files = TableFiles(tmp_path / "t.csv", tmp_path / "t.md", tmp_path / "t.html")
    rows = rollout_rows(returns=HOPPER)
    rows.loc[rows["seed"] == 1, "action_loss"] += 1  # 3.5 and 4.5; cloning's stay missing
    write_action_shift(rows, files)
    with open(files.csv, newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["dataset"], row["method"]) == ("hopper-medium-replay-v2", "tto")
    found = [float(row[name]) for name in ("loss", "low", "high", "held_out_loss")]
    np.testing.assert_allclose(found, [*interval(3.5, 4.5), 3.0])
    lines = (tmp_path / "t.md").read_text().splitlines()
    cells = [cell.strip() for cell in lines[2].split("|")]
    assert cells[3:5] == ["3.00", "4.00 [-2.35, 10.35]"]
