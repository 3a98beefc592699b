import dataclasses
import math

import h5py
import numpy as np
import pytest

from tto.errors import TTOError
from tto.evaluation.results import COLUMNS, collect_results, read_results
from tto.evaluation.rollout import Rollout
from tto.evaluation.rollout_file import Evaluation, read_rollout, write_rollout, write_rollouts
from tto.row_files import write_rows

ATTRIBUTES = {
    "dataset": "hopper-medium-replay-v2",
    "method": "tto",
    "seed": 1,
    "rollout": 2,
    "env_id": "Hopper-v5",
    "source": "collect",
    "evaluation_seed": 1002,
    "plan_ms_alone": 2.5,
    "train_seconds": 60.0,
}


def episode(rewards=(1.0, 2.0, 4.0)) -> Rollout:
    length = len(rewards)
    return Rollout(
        observations=np.arange(2 * (length + 1), dtype=np.float32).reshape(length + 1, 2),
        actions=np.full((length, 1), 0.5, dtype=np.float32),
        rewards=np.array(rewards),
        terminated=True,
        truncated=False,
        plan_seconds=np.array([0.001, 0.002, 0.5])[:length],
        batch=np.array([4, 4, 1])[:length],
    )


def test_round_trip(tmp_path):
    path = tmp_path / "deep" / "seed1-rollout2.h5"
    write_rollout(path, episode(), attributes=ATTRIBUTES)
    rollout, attributes = read_rollout(path)
    assert attributes == ATTRIBUTES
    for field in dataclasses.fields(Rollout):
        read, written = getattr(rollout, field.name), getattr(episode(), field.name)
        np.testing.assert_array_equal(read, written)
        assert type(read) is type(written)
    assert [p.name for p in path.parent.iterdir()] == ["seed1-rollout2.h5"]


def test_round_trip_of_action_losses(tmp_path):
    losses = {"action_losses": np.array([2.0, 3.0, 4.0]), "held_out_action_loss": 2.5}
    write_rollout(
        tmp_path / "x.h5", dataclasses.replace(episode(), **losses), attributes=ATTRIBUTES
    )
    rollout, _ = read_rollout(tmp_path / "x.h5")
    np.testing.assert_array_equal(rollout.action_losses, losses["action_losses"])
    (row,) = collect_results([tmp_path / "x.h5"]).to_dict("records")
    assert (row["action_loss"], row["held_out_action_loss"]) == (3.0, 2.5)


def test_a_run_of_two_rollouts(tmp_path):
    paths = [tmp_path / "seed1-rollout0.h5", tmp_path / "seed1-rollout1.h5"]
    run = {"dataset": "d", "source": "file", "env_id": "Hopper-v5", "method": "bc", "seed": 1}
    evaluation = Evaluation(**run, offset=0)
    write_rollouts(paths, [episode(), episode((1.0,))], evaluation, plan_ms_alone=0.5)
    rollout, attributes = read_rollout(paths[1])
    assert len(rollout.rewards) == 1
    times = {"plan_ms_alone": 0.5, "train_seconds": 0.0}
    assert attributes == {**run, **times, "rollout": 1, "evaluation_seed": 1001}


def test_files_are_byte_identical(tmp_path):
    for name in ("a.h5", "b.h5"):
        write_rollout(tmp_path / name, episode(), attributes=ATTRIBUTES)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_missing_attribute_and_unknown_source(tmp_path):
    partial = {key: value for key, value in ATTRIBUTES.items() if key != "env_id"}
    with pytest.raises(TTOError, match="rollout attributes"):
        write_rollout(tmp_path / "x.h5", episode(), attributes=partial)
    with pytest.raises(TTOError, match="'web'"):
        write_rollout(tmp_path / "x.h5", episode(), attributes={**ATTRIBUTES, "source": "web"})
    assert not list(tmp_path.iterdir())


def test_truncated_and_foreign_files(tmp_path):
    path = tmp_path / "x.h5"
    write_rollout(path, episode(), attributes=ATTRIBUTES)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(TTOError, match=r"x\.h5: expected a rollout file") as raised:
        read_rollout(path)
    assert "\n" not in str(raised.value)
    path.write_text("<html>")
    with pytest.raises(TTOError, match="expected a rollout file"):
        read_rollout(path)
    with h5py.File(path, "w") as file:
        file.attrs["format_version"] = 1
    with pytest.raises(TTOError, match="format version 3, got 1: evaluate again"):
        read_rollout(path)


def test_nan_and_lengths_that_disagree(tmp_path):
    path = tmp_path / "x.h5"
    write_rollout(path, episode((1.0, float("nan"), 2.0)), attributes=ATTRIBUTES)
    with pytest.raises(TTOError, match="finite rewards"):
        read_rollout(path)
    for field, values, message in (
        ("rewards", np.ones(2), "2 transitions in every field"),
        ("batch", np.array([4, 4]), "'batch': 2}"),
    ):
        write_rollout(path, episode(), attributes=ATTRIBUTES)
        with h5py.File(path, "a") as file:
            del file[field]
            file[field] = values
        with pytest.raises(TTOError, match=message):
            read_rollout(path)


@pytest.mark.parametrize("name", ["plan_ms_alone", "train_seconds"])
@pytest.mark.parametrize("time", [math.nan, math.inf, -1.0])
def test_an_invalid_time_is_an_error(tmp_path, name, time):
    with pytest.raises(TTOError, match=f"{name} as (milli)?seconds from 0 up"):
        write_rollout(tmp_path / "x.h5", episode(), attributes=ATTRIBUTES | {name: time})
    assert not list(tmp_path.iterdir())


def write(folder, **changes):
    attributes = {**ATTRIBUTES, **changes}
    key = "-".join(str(attributes[k]) for k in ("dataset", "method", "seed", "rollout"))
    path = folder / f"{key}.h5"
    write_rollout(path, episode(), attributes=attributes)
    return path


def test_tidy_rows(tmp_path):
    paths = [
        write(tmp_path),
        write(tmp_path, seed=0),
        write(tmp_path, dataset="humanoid-x", env_id="tto/Humanoid-v5"),
    ]
    results = collect_results(paths)
    assert tuple(results.columns) == COLUMNS
    assert results["seed"].tolist() == [0, 1, 1]
    row = results.iloc[0]
    assert row["return"] == 7.0
    assert row["score"] == pytest.approx(100 * 27.272305 / 3254.572305)  # by hand
    assert row["length"] == 3
    assert bool(row["terminated"])
    assert row["plan_ms_median"] == 2.5  # of one episode alone, not of the batch
    assert (row["env"], row["source"]) == ("Hopper-v5", "collect")
    assert math.isnan(results.iloc[2]["score"])  # no reference for the humanoid


def test_csv_round_trip(tmp_path):
    results = collect_results([write(tmp_path), write(tmp_path, seed=0, method="bc")])
    write_rows(tmp_path / "rollouts.csv", results)
    read = read_results(tmp_path / "rollouts.csv")
    assert read.equals(results)


def test_repeated_rollout(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(TTOError, match=r"one row a rollout.*seed 1, rollout 2"):
        collect_results([write(tmp_path), write(other)])


def test_one_dataset_from_two_sources(tmp_path):
    paths = [write(tmp_path), write(tmp_path, seed=0, source="d4rl")]
    with pytest.raises(TTOError, match="one source for dataset"):
        collect_results(paths)


def test_no_rollouts():
    with pytest.raises(TTOError, match="at least one rollout file"):
        collect_results([])


def test_bad_csv(tmp_path):
    path = tmp_path / "rollouts.csv"
    path.write_text("dataset,return\nx,1\n")
    with pytest.raises(TTOError, match="expected the columns"):
        read_results(path)
    with pytest.raises(TTOError, match="CSV"):
        read_results(tmp_path / "absent.csv")
    header = ",".join(COLUMNS)
    path.write_text(f"{header}\nx,tto,0,0,,1.0,3,True,2.0,Hopper-v5,d4rl\n")
    with pytest.raises(TTOError, match="empty ones in return"):
        read_results(path)
