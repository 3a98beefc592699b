"""A trained model refuses arguments that it would silently misread."""

import inspect

import numpy as np
import pytest
from small_world import random_model

from tto.errors import TTOError
from tto.model.trained import TrainedModel, load


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (np.full((1, 7), 7), r"tokens: expected tokens of 0\.\.6, got 7 to 7"),
        (np.full((1, 7), -1), r"tokens: expected tokens of 0\.\.6, got -1 to -1"),
        (np.zeros((1, 6), int), r"tokens: expected shape \(T, 7\), got \(1, 6\)"),
        (np.zeros((1, 7)), "tokens: expected integers, got an array of float64"),
        (np.zeros((0, 7), int), "tokens: expected at least one transition"),
    ],
)
def test_tokens_of_another_dimension_are_refused(tokens: np.ndarray, message: str):
    log_probs = inspect.unwrap(TrainedModel.log_probs)  # without the test's own checks of types
    with pytest.raises(TTOError, match=message):
        log_probs(random_model(), tokens)


@pytest.mark.parametrize("observed", [np.ones((2, 3), int), np.ones((1, 3), bool)])
def test_a_mask_of_another_type_or_shape_is_refused(observed: np.ndarray):
    encode = inspect.unwrap(TrainedModel.encode)
    rows = np.zeros((2, 3)), np.zeros((2, 2)), np.zeros(2), np.zeros(2)
    with pytest.raises(TTOError, match="encode: observed: expected"):
        encode(random_model(), *rows, observed=observed)


@pytest.mark.parametrize("folder", [None, 3, b"model"])
def test_a_folder_that_is_no_path_is_refused(folder: object):
    with pytest.raises(TTOError, match="load: expected the path of a folder"):
        inspect.unwrap(load)(folder)


@pytest.mark.parametrize("device", ["bogus", "", "cuda:99", "meta"])
def test_a_device_that_is_not_there_is_refused(device: str):
    with pytest.raises(TTOError, match="device: expected cpu, cuda"):
        load("nowhere", device=device)


@pytest.mark.parametrize("path", ["a\nb", "x" * 300, "x" * 5000, "a\0b", "\ud800"])
def test_a_path_that_cannot_be_one_is_refused_by_one_line(path):
    with pytest.raises(TTOError, match=r"expected config\.json in it, found none") as caught:
        load(path)
    assert str(caught.value).isprintable()
