"""Published results beside ours: what stands where, and what is never put together."""

import csv

import numpy as np
import pandas as pd
import pytest
from rollout_rows import HOPPER, rollout_rows

from tto.report.extended import our_rows, published_rows, write_extended
from tto.report.profiles import draw_profiles, profile
from tto.report.published import PAPER_ROWS, PaperRow, read_published

HOPPER_MIXED = PaperRow("hopper", "medium-replay")


def write(folder, results):
    paths = {"csv": folder / "t.csv", "markdown": folder / "t.md", "html": folder / "t.html"}
    write_extended(results, **paths)
    with open(paths["csv"], newline="") as file:
        return list(csv.DictReader(file)), paths["markdown"].read_text()


def test_published_methods_are_complete_and_have_sources():
    rows = published_rows()
    assert [row.data for row in rows] == ["v2"] * 10 + ["not stated"] + ["v0"] * 4
    for row in rows:
        assert set(row.scores) == set(PAPER_ROWS)
        assert row.source
        assert row.iqm.low is None
        means = sorted(score.mean for score in row.scores.values())
        assert row.iqm.value == pytest.approx(np.mean(means[2:7]))
        assert row.mean == pytest.approx(np.mean(means))
    labels = {(row.data, row.label): row for row in rows}
    assert labels["v2", "IQL"].scores[HOPPER_MIXED].mean == 94.7
    assert labels["v0", "CQL"].scores[HOPPER_MIXED].mean == 48.6
    assert labels["v2", "CQL"].scores[HOPPER_MIXED].mean == 95.0


def test_the_papers_own_row_is_the_same_in_both_files():
    uniform = next(row for row in published_rows() if row.label.startswith("TT, uniform"))
    paper = {row: methods["tto"].mean for row, methods in read_published().items()}
    assert {row: score.mean for row, score in uniform.scores.items()} == paper


def test_ours_on_each_data_stand_apart(tmp_path):
    results = pd.concat(
        [
            rollout_rows("hopper-medium-v2", returns=HOPPER, source="d4rl"),
            rollout_rows("hopper-medium-v0", returns=HOPPER, source="d4rl"),
            rollout_rows("hopper-medium-replay-v2", returns=HOPPER, source="collect"),
            rollout_rows("walker2d-medium-v2", returns=HOPPER, source="collect"),
            rollout_rows("mine", returns=HOPPER, source="file"),
        ]
    )
    rows = our_rows(results)
    shape = {(row.data, row.label): len(row.scores) for row in rows}
    assert shape == {
        **{(version, f"{name} (ours)"): 1 for version in ("v0", "v2") for name in ("TTO", "BC")},
        **{("other", f"{name} (ours)†"): 2 for name in ("TTO", "BC")},
    }
    cells, markdown = write(tmp_path, results)
    assert len(cells) == 15 + 6
    ours = next(row for row in cells if row["method"] == "TTO (ours)†")
    assert (ours["data"], ours["datasets"], ours["halfcheetah_medium"]) == ("other", "2", "")
    # hopper's scores are 30 and 50, as are walker2d's here; two models are drawn of each
    assert float(ours["iqm"]) == pytest.approx(40.0)
    assert [float(ours["iqm_low"]), float(ours["iqm_high"])] == pytest.approx([30.0, 50.0])
    assert "40.0 (2)" in markdown
    d4rl, other = markdown.split("Ours on other data")
    assert "†" not in d4rl
    assert d4rl.count("TTO (ours)") == 2
    assert other.count("(ours)†") == 2
    assert "Kumar et al. 2020 (CQL), table 1" in other.split("Sources.")[1]


def test_a_run_without_the_papers_datasets_has_no_row(tmp_path):
    cells, markdown = write(tmp_path, rollout_rows("mine", returns=HOPPER, source="file"))
    assert len(cells) == 15
    assert "(ours)" not in markdown


def test_a_profile_is_the_share_above_each_value():
    generator = np.random.default_rng(0)
    parts = []
    for dataset, models in (("a", 3), ("b", 2)):
        rows = rollout_rows(dataset, returns={"tto": np.zeros((models, 4)).tolist()})
        rows["score"] = generator.normal(50, 20, len(rows))
        parts.append(rows)
    thresholds = np.linspace(0, 100, 11)
    found = profile(pd.concat(parts), thresholds, seed=0)
    slow = [np.mean([(part["score"] > t).mean() for part in parts]) for t in thresholds]
    np.testing.assert_allclose(found.values, slow)
    assert (found.low <= found.values).all()
    assert (found.values <= found.high).all()
    assert (np.diff(found.values) <= 0).all()


def test_profiles_of_both_kinds_of_data_have_panels(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "tto.report.profiles.save_figure", lambda figure, *_, **__: drawn.append(figure)
    )
    both = pd.concat(
        [
            rollout_rows("hopper-medium-v2", returns=HOPPER, source="d4rl"),
            rollout_rows("hopper-expert-v2", returns=HOPPER),
            rollout_rows("walk", env="tto/Humanoid-v5", returns={"tto": [[1.0]]}),
        ]
    )
    draw_profiles(both, [])
    titles = [axis.get_title(loc="left") for axis in drawn[0].axes]
    assert titles == ["D4RL's data, 1 dataset", "data other than D4RL's, 1 dataset"]
    draw_profiles(both[both["source"] == "collect"][lambda rows: rows["score"].isna()], [])
    assert len(drawn[1].axes) == 1  # an empty one: no scores
