"""Each dataset of config/paper.yaml gives the same tokens from every source."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import yaml
from d4rl_layout import write_d4rl
from file_server import serve

from tto.data.collect import collect, dataset_kind
from tto.data.d4rl import d4rl_file
from tto.data.download import download
from tto.data.episodes import open_dataset, write_dataset
from tto.data.sources import minari_ids, read_source
from tto.tokens.token_file import TokenFile, read_token_file
from tto.tokens.tokenize import tokenize_dataset

ROOT = Path(__file__).parents[2]
PAPER = yaml.safe_load((ROOT / "config/paper.yaml").read_text())["datasets"]


def tokens_of(folder: Path) -> TokenFile:
    path = folder.with_suffix(".h5")
    tokenize_dataset(
        open_dataset(folder), path, name=folder.name, discretizer="uniform", bins=100, discount=0.99
    )
    return read_token_file(path)


@pytest.mark.parametrize("dataset", PAPER)
def test_every_source_gives_the_same_tokens(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    env = PAPER[dataset]["env"]
    episodes = collect(
        env,
        dataset_kind(dataset),
        transitions=600,
        seed=0,
        noise=0.1,
        actors=ROOT / "resources/actors",
    )
    episodes = list(itertools.islice(episodes, 8))
    store = tmp_path / "store"
    labels = {"env_id": env, "algorithm": "test", "description": "test"}
    write_dataset(store / dataset, episodes, **labels)
    expected = tokens_of(store / dataset)

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(store))
    served = tmp_path / "served.hdf5"
    write_d4rl(served, episodes)
    fetched = tmp_path / d4rl_file(dataset)
    with serve({fetched.name: served.read_bytes()}) as server:
        download(server.address + fetched.name, fetched, lock=tmp_path / "lock.json")
    locations = {"d4rl": str(fetched), "file": str(served), "minari": minari_ids(dataset)}
    for source, location in locations.items():
        folder = tmp_path / source / dataset
        write_dataset(folder, read_source(source, location, env_id=env), **labels)
        got = tokens_of(folder)
        np.testing.assert_array_equal(got.tokens, expected.tokens)
        np.testing.assert_array_equal(got.episode_starts, expected.episode_starts)
        np.testing.assert_array_equal(got.terminated, expected.terminated)
        assert got.source_digest == expected.source_digest
