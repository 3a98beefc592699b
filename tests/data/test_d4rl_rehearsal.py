"""The file of `benchmarks/d4rl_rehearsal.py` is one that D4RL could have."""

import importlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from running import ROOT

from tto.data.sources import read_source


def test_the_rehearsals_file_has_d4rls_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    rehearsal = importlib.import_module("d4rl_rehearsal")
    path = tmp_path / rehearsal.FILE
    rehearsal.write_file(path, 8000)
    with h5py.File(path) as file:
        terminals, timeouts = (np.array(file[name]) for name in ("terminals", "timeouts"))
    episodes = list(read_source("d4rl", str(path), env_id="Hopper-v4"))
    # the rows between the last fall of one half and the other half are an episode, too
    assert len(episodes) == terminals.sum() + timeouts.sum() + 1
    assert sum(episode.terminated for episode in episodes) == terminals.sum() > 3
    assert [len(episode) for episode in episodes[-4:]] == [1000] * 4
    assert sum(len(episode) for episode in episodes) == 8000
    assert all(episode.qpos is not None for episode in episodes)
