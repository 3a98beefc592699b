"""The first sentences of a report: was planning better?"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rollout_rows import rollout_rows

from tto.report.numbers.dataset_statistics import DatasetStatistics
from tto.report.numbers.statistics import difference_of
from tto.report.page.verdicts import sentences
from tto.report.tables.formats import TableFiles
from tto.report.tables.returns import write_returns
from tto.report.tables.table1 import write_table1

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("cloning", "verdict"),
    [
        ([10.0, 20.0, 15.0, 12.0], "planning is better (planning less BC: +83.2 ["),
        ([80.0, 110.0, 99.0, 105.0], "undecided (planning less BC: -1.0 ["),
        ([190.0, 200.0, 195.0, 192.0], "BC is better (planning less BC: -96.8 ["),
    ],
)
def test_a_dataset_of_ones_own_has_a_sentence(tmp_path, cloning, verdict):
    returns = {"tto": [[90.0, 100.0, 95.0, 105.0]], "bc": [cloning]}
    rows = rollout_rows("mine", returns=returns, env="Mine-v0", source="file")
    data = [DatasetStatistics("mine", "file", "Mine-v0", 7, 70, 8.0, 2.0, 40.0, None, 10.0)]
    (tmp_path / "tables").mkdir()
    files = (tmp_path / f"tables/returns.{ending}" for ending in ("csv", "md", "html"))
    write_returns(rows, data, TableFiles(*files))
    (sentence,) = sentences(tmp_path)
    assert verdict in sentence


def test_one_model_is_compared_over_first_states_and_several_over_models():
    ours, theirs = np.array([3.0, 5.0, 4.0]), np.array([1.0, 1.0, 1.0])
    one = difference_of({0: ours}, {0: theirs})
    assert one is not None
    assert one.value == pytest.approx(3.0)
    assert one.low == pytest.approx(3.0 - 4.302653 / 3**0.5, rel=1e-5)  # deviation 1
    two = difference_of({0: ours, 1: ours + 2}, {0: theirs, 1: theirs})
    assert two is not None
    assert two.value == pytest.approx(4.0)
    assert difference_of({0: ours}, {1: theirs}) is None


def paper_sentence(folder, cloning):
    """The sentence on paper's datasets: planning returned about 100, cloning these numbers."""
    rows = [
        rollout_rows(name, returns={"tto": [[90.0, 110.0], [95.0, 107.0]], "bc": [numbers] * 2})
        for name, numbers in cloning.items()
    ]
    data = [
        DatasetStatistics(name, "collect", "Hopper-v5", 7, 70, 8.0, 2.0, 40.0, 5.0, 10.0)
        for name in cloning
    ]
    (folder / "tables").mkdir()
    files = (folder / f"tables/table1.{ending}" for ending in ("csv", "md", "html"))
    write_table1(pd.concat(rows), TableFiles(*files), latex=folder / "t.tex", statistics=data)
    (sentence,) = sentences(folder)
    return sentence


def test_one_dataset_of_the_paper_has_a_verdict_with_its_interval(tmp_path):
    sentence = paper_sentence(tmp_path, {"hopper-medium-v2": [10.0, 12.0]})
    assert sentence.startswith(
        "On hopper-medium-v2, planning scored 3.7, behaviour cloning 1.0 and "
    )
    assert "the data 5.0: planning is better (planning less cloning: +2.7 [" in sentence


def test_several_datasets_of_the_paper_are_counted(tmp_path):
    cloning = {
        "hopper-medium-v2": [10.0, 12.0],
        "hopper-medium-replay-v2": [99.0, 103.0],
        "hopper-medium-expert-v2": [190.0, 195.0],
    }
    sentence = paper_sentence(tmp_path, cloning)
    counted = "better than behaviour cloning on 1, worse on 1, and undecided on 1."
    assert f"Of 3 datasets, planning is {counted}" in sentence


def test_the_published_run_has_a_sentence():
    (sentence,) = sentences(ROOT / "docs/results/local")
    assert sentence.startswith("Of 9 datasets, planning is better than behaviour cloning on ")
