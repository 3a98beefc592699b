"""The table of what each method costs."""

import csv

from rollout_rows import HOPPER, rollout_rows

from tto.report.tables.costs import write_costs
from tto.report.tables.formats import TableFiles


def test_times_are_means_over_models(tmp_path):
    files = TableFiles(tmp_path / "t.csv", tmp_path / "t.md", tmp_path / "t.html")
    rows = rollout_rows(returns=HOPPER)
    rows["train_seconds"] = rows["seed"].map({0: 100.0, 1: 300.0}).fillna(0.0)
    rows["plan_ms_median"] = rows["method"].map({"tto": 12.345, "bc": 0.5})
    write_costs(rows[rows["seed"] < 2], files)
    with open(files.csv, newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["method"] for row in found] == ["bc", "tto"]
    assert {float(row["train_seconds"]) for row in found} == {200.0}
    lines = (tmp_path / "t.md").read_text().splitlines()
    assert [cell.strip() for cell in lines[3].split("|")][2:5] == ["TTO", "200", "12.35"]
