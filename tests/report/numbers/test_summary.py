import pandas as pd
import pytest
from rollout_rows import HOPPER, rollout_rows

from tto.report.numbers.paper_rows import PAPER_ROWS, PaperRow, paper_row
from tto.report.numbers.published import PUBLISHED_METHODS, read_published
from tto.report.numbers.summary import Spread, summarize


def test_mean_and_sample_standard_deviation_by_hand():
    bc, tto = summarize(rollout_rows(returns=HOPPER))
    assert (bc.method, tto.method) == ("bc", "tto")
    assert tto.score == pytest.approx((40.0, 200**0.5))  # of 30 and 50
    assert tto.returns == pytest.approx((40 * 32.54572305 - 20.272305, 200**0.5 * 32.54572305))
    assert bc.score == pytest.approx((10.0, 0.0))
    assert (tto.seeds, tto.count) == (2, 2)
    assert (tto.dataset, tto.env, tto.source) == ("hopper-medium-replay-v2", "Hopper-v5", "collect")
    assert not tto.on_d4rl


def test_single_rollout_has_no_deviation():
    (summary,) = summarize(rollout_rows(returns={"tto": [[100.0]]}))
    assert summary.returns == Spread(100.0, None)
    assert summary.returns.text(0) == "100"


def test_no_reference_no_score():
    rows = rollout_rows("walk", env="tto/Humanoid-v5", returns={"tto": [[1.0, 3.0]]})
    (summary,) = summarize(rows)
    assert summary.score is None
    assert summary.returns == pytest.approx((2.0, 2**0.5))


def test_sources_stay_apart():
    rows = pd.concat(
        [
            rollout_rows("hopper-medium-v2", returns=HOPPER, source="d4rl"),
            rollout_rows("hopper-medium-v9", returns=HOPPER),
        ]
    )
    assert [s.source for s in summarize(rows)] == ["d4rl", "d4rl", "collect", "collect"]


def test_text():
    assert Spread(67.44, 11.25).text() == "67.4 ± 11.2"
    assert Spread(36.1, None).text() == "36.1"


def test_published_table_is_complete():
    published = read_published()
    assert tuple(published) == PAPER_ROWS
    assert all(set(cells) == set(PUBLISHED_METHODS) for cells in published.values())
    cells = published[PaperRow("hopper", "medium-replay")]
    assert cells["tto"] == (99.4, 12.6)
    assert cells["bc"] == (11.8, None)
    # column sums of the paper's table 1, added by hand
    sums = {
        method: round(sum(cells[method].mean for cells in published.values()), 1)
        for method in PUBLISHED_METHODS
    }
    assert sums == {"bc": 292.2, "tto": 653.4, "cql": 575.2, "mopo": 379.3, "mbop": 430.0}


@pytest.mark.parametrize(
    ("dataset", "row"),
    [
        ("hopper-medium-replay-v2", ("hopper", "medium-replay")),
        ("halfcheetah-medium-v0", ("halfcheetah", "medium")),
        ("walker2d-medium-expert-v2", ("walker2d", "medium-expert")),
        ("hopper-expert-v2", None),
        ("ant-medium-v2", None),
        ("my-hopper-medium-v2", None),
        ("hopper-medium", None),
    ],
)
def test_paper_row_of_a_dataset(dataset, row):
    assert paper_row(dataset) == row
