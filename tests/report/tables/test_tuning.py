import csv

import pandas as pd

from tto.evaluation.sweeps import COLUMNS
from tto.report.tables.formats import TableFiles
from tto.report.tables.tuning import write_tuning


def sweep(dataset, returns, method="tto"):
    """Rows of one dataset: `returns[candidate][seed]`, one rollout each."""
    rows = [
        (method, candidate, dataset, dataset, seed, 0, total, 0.0)
        for candidate, seeds in returns.items()
        for seed, total in enumerate(seeds)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_the_best_of_each_dataset_is_marked(tmp_path):
    sweeps = [
        sweep("a", {"near": [10.0, 20.0], "far": [30.0, 40.0]}),
        sweep("b", {"near": [10.0, 20.0], "far": [0.0, 0.0]}),
        sweep("a", {"short": [1.0, 2.0], "long": [7.0, 9.0]}, method="bc"),
    ]
    candidates = {
        "tto": {"near": {}, "far": {"horizon": 9}},
        "bc": {"short": {"epochs": 3}, "long": {}},
    }
    paths = {name: tmp_path / f"tuning.{name}" for name in ("csv", "markdown", "html")}
    write_tuning(sweeps, candidates, TableFiles(**paths))
    with paths["csv"].open() as file:
        rows = list(csv.DictReader(file))
    chosen = [
        (row["method"], row["dataset"], row["candidate"]) for row in rows if row["chosen"] == "True"
    ]
    assert chosen == [("tto", "a", "far"), ("tto", "b", "near"), ("bc", "a", "long")]
    page = paths["markdown"].read_text()
    assert "35 [-29, 99] *" in page
    assert "15 [-49, 79] |" in page
    assert "far: horizon 9." in page
    assert "near: as in planning, with its overrides for a dataset." in page
    assert "8 [-5, 21] *" in page
    assert "short: epochs 3." in page
    assert "long: as in behavior_cloning, with its overrides for a dataset." in page
    assert page.index("TTO: planners") < page.index("BC")
    assert "35 [-29, 99] *" in paths["html"].read_text()
