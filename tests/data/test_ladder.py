"""Ladders: read, built from the checkpoints of a training, and those that are shipped."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tto.data.actors import Actor, save_actor
from tto.data.ladder import choose_levels, evenly_spaced, read_ladder, training_shares
from tto.data.train_actors import build_ladder, train_actors
from tto.errors import TTOError

SHIPPED = Path("resources/actors")


def test_a_ladder_knows_its_levels(actors: Path):
    ladder = read_ladder(actors / "hopper")
    assert (ladder.medium.rung, ladder.expert.rung) == (2, 3)
    assert [rung.rung for rung in ladder.replay] == [0, 1, 2]
    assert training_shares(ladder.replay) == [0.25, 0.25, 0.5]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rung,file", "rung,path", "with the columns rung, file"),
        ("100", "many", "got ValueError"),
        ("medium", "late", "one medium rung and one expert, got early, early, late, expert"),
        ("medium", "good", "levels of early, medium"),
        ("400", "200", r"that rise from rung to rung, got \[100, 200, 200, 800\]"),
    ],
)
def test_damaged_ladder(actors: Path, old: str, new: str, message: str):
    path = actors / "hopper" / "ladder.csv"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(TTOError, match=message):
        read_ladder(actors / "hopper")


@pytest.mark.parametrize("content", ["", "rung,file\n0,a.npz\n", "not a table\n"])
def test_a_file_that_is_no_ladder(actors: Path, content: str):
    (actors / "hopper" / "ladder.csv").write_text(content)
    with pytest.raises(TTOError, match="ladder"):
        read_ladder(actors / "hopper")


@given(
    st.lists(st.floats(0, 1e4), min_size=2, max_size=60),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(1, 80),
)
def test_levels_are_spread_over_the_training(
    returns: list[float], early: int, late: int, candidates: int
):
    tried = evenly_spaced(0, len(returns), candidates)
    best = max(tried, key=returns.__getitem__)
    if best == 0:
        with pytest.raises(TTOError, match="train for longer"):
            choose_levels(
                len(returns), returns.__getitem__, early=early, late=late, candidates=candidates
            )
        return
    levels = choose_levels(
        len(returns), returns.__getitem__, early=early, late=late, candidates=candidates
    )
    assert list(levels) == sorted(levels)
    assert levels[best] == "expert"
    (medium,) = (index for index, level in levels.items() if level == "medium")
    assert medium < best
    before = [index for index, level in levels.items() if level == "early"]
    assert before == list(evenly_spaced(0, medium, early))
    assert sum(level == "late" for level in levels.values()) <= late


def test_medium_is_the_first_checkpoint_within_the_tolerance():
    def medium_of(*returns: float) -> int:
        levels = choose_levels(
            len(returns), returns.__getitem__, early=9, late=9, candidates=len(returns)
        )
        return next(index for index, level in levels.items() if level == "medium")

    assert medium_of(10, 300, 410, 390, 400, 1000) == 2
    assert medium_of(10, 300, 460, 450, 1000, 420) == 3  # the nearest: none before 1000 within 25


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 60))
def test_evenly_spaced(start: int, length: int, number: int):
    indices = evenly_spaced(start, start + length, number)
    assert len(indices) == min(number, length)
    assert all(start <= index < start + length for index in indices)
    gaps = np.diff(indices)
    assert len(gaps) == 0 or (gaps.min() >= 1 and gaps.max() - gaps.min() <= 1)
    assert len(indices) < 2 or (indices[0], indices[-1]) == (start, start + length - 1)


def test_checkpoints_become_a_measured_ladder(tmp_path: Path):
    generator, one = np.random.default_rng(0), np.ones(3, np.float32)
    files = []
    for steps in (100, 200, 300, 400, 500):
        # Strong torques at first, which let the hopper fall sooner than weak ones.
        weight = 8 / steps * generator.standard_normal((11, 3)).astype(np.float32)
        files.append(tmp_path / f"actor-{steps:09d}.npz")
        save_actor(files[-1], Actor((), (100 * weight, 0 * one), (0 * weight, -one), -one, one))
    ladder = build_ladder("Hopper-v5", files, tmp_path / "hopper", early=2, late=1, episodes=3)
    assert ladder == read_ladder(tmp_path / "hopper")
    for rung in ladder.rungs:
        stored = files[rung.training_steps // 100 - 1].read_bytes()
        assert (tmp_path / "hopper" / rung.file).read_bytes() == stored
    assert {rung.episodes for rung in ladder.rungs} == {3}


def test_a_robot_without_a_recipe(tmp_path: Path):
    with pytest.raises(TTOError, match=r"a training recipe \(hopper, .*\), got another"):
        train_actors("spider", tmp_path / "spider", checkpoints=tmp_path / "checkpoints")


@pytest.mark.parametrize("robot", ["hopper", "halfcheetah", "walker2d", "humanoid"])
def test_shipped_ladders(robot: str):
    ladder = read_ladder(SHIPPED / robot)
    assert len(ladder.replay) >= 30
    assert 0.3 < ladder.medium.return_mean / ladder.expert.return_mean < 0.55
    for rung in ladder.rungs:
        actor = ladder.actor(rung)
        assert actor.stochastic
        assert np.isfinite(actor.act(np.zeros(actor.observation_dim))).all()


def test_shipped_actors_are_small():
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) < 4_000_000
