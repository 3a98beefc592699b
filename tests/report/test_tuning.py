import csv

import pandas as pd

from tto.evaluation.sweeps import COLUMNS
from tto.report.tuning import write_tuning


def sweep(dataset, returns):
    """Rows of one dataset: `returns[planner][seed]`, one rollout each."""
    rows = [
        ("planner", planner, dataset, dataset, seed, 0, total, 0.0)
        for planner, seeds in returns.items()
        for seed, total in enumerate(seeds)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_the_best_planner_of_each_dataset_is_marked(tmp_path):
    sweeps = [
        sweep("a", {"near": [10.0, 20.0], "far": [30.0, 40.0]}),
        sweep("b", {"near": [10.0, 20.0], "far": [0.0, 0.0]}),
    ]
    paths = {name: tmp_path / f"tuning.{name}" for name in ("csv", "markdown", "html")}
    write_tuning(sweeps, {"near": {}, "far": {"horizon": 9}}, **paths)
    with paths["csv"].open() as file:
        rows = list(csv.DictReader(file))
    chosen = [(row["dataset"], row["planner"]) for row in rows if row["chosen"] == "True"]
    assert chosen == [("a", "far"), ("b", "near")]
    page = paths["markdown"].read_text()
    assert "35 [-29, 99] *" in page
    assert "15 [-49, 79] |" in page
    assert "far: horizon 9." in page
    assert "near: as in planning." in page
    assert "35 [-29, 99] *" in paths["html"].read_text()
