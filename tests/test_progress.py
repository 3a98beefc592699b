"""Progress in a log: a line a minute, and one at the end."""

import logging

import pytest

from tto import progress as module
from tto.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """The time in seconds, which a test sets."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_line_a_minute_and_one_at_the_end(clock, caplog):
    with caplog.at_level(logging.INFO), Progress(name="train", total=8, unit="updates") as progress:
        for update in range(8):
            clock[0] += 25.0
            progress.note(f"loss {8 - update}")
            progress.update()
    assert [record.getMessage() for record in caplog.records] == [
        "train: 3 of 8 updates, 75 s, 125 s left, loss 6",
        "train: 6 of 8 updates, 150 s, 50 s left, loss 3",
        "train: 8 of 8 updates, 200 s, loss 1",
    ]


def test_work_that_goes_on_counts_its_own_time_only(clock, caplog):
    with caplog.at_level(logging.INFO), Progress(total=100, initial=90, unit="B") as progress:
        clock[0] += 60.0
        progress.update(5)
    assert caplog.records[0].getMessage() == "95 of 100 B, 60 s, 60 s left"


def test_a_loop_is_counted_also_when_it_is_left(clock, caplog):
    with caplog.at_level(logging.INFO):
        assert list(Progress([1, 2, 3], name="bins", unit="episodes")) == [1, 2, 3]
        for each in Progress(iter("abc"), unit="letters"):
            if each == "b":
                break
    assert caplog.records[0].getMessage() == "bins: 3 of 3 episodes, 0 s"
