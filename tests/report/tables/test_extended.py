"""Published results beside ours: what stands where, and what is never put together."""

import csv

import numpy as np
import pandas as pd
import pytest
from rollout_rows import HOPPER, interval, rollout_rows

from tto.errors import TTOError
from tto.report.figures.profiles import draw_profiles, profile
from tto.report.numbers.paper_rows import PAPER_ROWS, PaperRow
from tto.report.numbers.published import read_published
from tto.report.tables.extended import our_rows, published_rows, write_extended
from tto.report.tables.formats import TableFiles

HOPPER_MIXED = PaperRow("hopper", "medium-replay")


def write(folder, results):
    paths = {"csv": folder / "t.csv", "markdown": folder / "t.md", "html": folder / "t.html"}
    write_extended(results, TableFiles(**paths))
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
    # one model's scores are 30 on both datasets, the other's 50
    found = [float(ours[name]) for name in ("iqm", "iqm_low", "iqm_high")]
    assert found == pytest.approx(interval(30, 50))
    assert "40.0 (2)" in markdown
    d4rl, other = markdown.split("Ours on other data")
    assert "†" not in d4rl
    assert d4rl.count("TTO (ours)") == 2
    assert other.count("(ours)†") == 2
    assert "Kumar et al. 2020 (CQL), table 1" in other.split("Sources.")[1]


def test_an_iqm_is_of_a_model_on_all_datasets():
    """Two seeds are on both datasets; the third of the one does not count."""
    generator = np.random.default_rng(1)
    parts, scores = [], {}
    for dataset, models in (("hopper-medium-v2", 3), ("walker2d-medium-v2", 2)):
        rows = rollout_rows(dataset, returns={"tto": np.zeros((models, 4)).tolist()})
        rows["score"] = generator.normal(50, 20, len(rows))
        parts.append(rows)
        scores[dataset] = rows["score"].to_numpy().reshape(models, 4)
    (row,) = our_rows(pd.concat(parts))
    slow = []
    for seed in (0, 1):
        of_model = sorted(np.concatenate([part[seed] for part in scores.values()]))
        slow.append(sum(of_model[2:6]) / 4)
    assert row.iqm == pytest.approx(interval(*slow))
    apart = parts[1].assign(seed=parts[1]["seed"] + 7)
    for judged in (our_rows, lambda rows: profile(rows, np.zeros(1))):
        with pytest.raises(TTOError, match="a seed that all of 2 datasets have"):
            judged(pd.concat([parts[0], apart]))


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
    found = profile(pd.concat(parts), thresholds)
    for point, threshold in enumerate(thresholds):
        models = []  # of the seeds that both datasets have
        for seed in (0, 1):
            shares = [
                (part.loc[part["seed"] == seed, "score"] > threshold).mean() for part in parts
            ]
            models.append(sum(shares) / 2)
        value, low, high = interval(*models)
        assert found.values[point] == pytest.approx(value)
        assert found.low[point] == pytest.approx(max(low, 0))
        assert found.high[point] == pytest.approx(min(high, 1))
    assert (np.diff(found.values) <= 0).all()


def test_profiles_of_both_kinds_of_data_have_panels(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "tto.report.figures.profiles.save_figure", lambda figure, *_, **__: drawn.append(figure)
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
    (alone,) = drawn[1].axes  # returns, where there is no score
    assert (alone.get_title(loc="left"), alone.get_xlabel()) == ("walk", "return")
    assert alone.get_lines()
