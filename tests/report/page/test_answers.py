"""What the head of a report says of data of one's own, and of a training that went too far."""

import numpy as np
import pytest
from rollout_rows import rollout_rows

from tto.report.numbers.dataset_statistics import DatasetStatistics
from tto.report.numbers.statistics import difference_of
from tto.report.page.answers import sentences, warnings
from tto.report.tables.formats import TableFiles
from tto.report.tables.returns import write_returns


@pytest.mark.parametrize(
    ("cloning", "verdict"),
    [
        ([10.0, 20.0, 15.0, 12.0], "planning is better (planning less BC: +83.2 ["),
        ([80.0, 110.0, 99.0, 105.0], "undecided (planning less BC: -1.0 ["),
        ([190.0, 200.0, 195.0, 192.0], "BC is better (planning less BC: -96.8 ["),
    ],
)
def test_the_first_sentence_gives_a_verdict(tmp_path, cloning, verdict):
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


def test_a_held_out_loss_that_rose_is_named(tmp_path):
    for dataset, losses in (("fine", (3.0, 2.5, 2.52)), ("long", (3.0, 2.41, 3.17))):
        folder = tmp_path / "models" / dataset / "seed0"
        folder.mkdir(parents=True)
        lines = [f"{100 * (i + 1)},{loss}" for i, loss in enumerate(losses)]
        (folder / "metrics.csv").write_text("\n".join(["tokens,held_out_loss", *lines]) + "\n")
    (warning,) = warnings(tmp_path, {"fine", "long"})
    assert warnings(tmp_path, {"fine"}) == []
    assert warning.startswith("The held-out loss of long was lowest after 67 % of its training")
    assert "rose to 3.17: train less (training.epochs)" in warning
