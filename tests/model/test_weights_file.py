"""Weights are read as written, and refused if any bit has flipped."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tto.errors import TTOError
from tto.model.weights_file import CONFIG, WEIGHTS, read_config, read_weights, write_weights


def test_weights_are_read_as_written(tmp_path: Path):
    tensors = {"a": torch.arange(3.0), "b": torch.ones(2, 2, dtype=torch.float64)}
    write_weights(tmp_path, tensors, {"layers": 3})
    config = read_config(tmp_path)
    assert config["layers"] == 3
    read = read_weights(tmp_path, config)
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)
    assert sorted(path.name for path in tmp_path.iterdir()) == [CONFIG, WEIGHTS]


def test_any_flipped_bit_is_noticed(tmp_path: Path):
    write_weights(tmp_path, {"a": torch.arange(100.0)}, {})
    config, path = read_config(tmp_path), tmp_path / WEIGHTS
    whole = path.read_bytes()
    for place in np.random.default_rng(0).integers(8 * len(whole), size=50):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        with pytest.raises(TTOError, match=r"expected content of SHA-256 .* damaged"):
            read_weights(tmp_path, config)


def test_weights_of_another_model_are_noticed(tmp_path: Path):
    for name, value in {"one": 1.0, "two": 2.0}.items():
        write_weights(tmp_path / name, {"a": torch.full((3,), value)}, {})
    (tmp_path / "two" / WEIGHTS).replace(tmp_path / "one" / WEIGHTS)
    with pytest.raises(TTOError, match="or from another model"):
        read_weights(tmp_path / "one", read_config(tmp_path / "one"))


def test_an_older_folder_without_a_digest_is_read(tmp_path: Path):
    write_weights(tmp_path, {"a": torch.arange(3.0)}, {"layers": 3})
    (tmp_path / CONFIG).write_text(json.dumps({"layers": 3}))
    assert torch.equal(read_weights(tmp_path, read_config(tmp_path))["a"], torch.arange(3.0))
