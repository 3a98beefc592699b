import errno
import logging
import sys
import warnings
from pathlib import Path

import pytest

from tto.errors import TTOError
from tto.job import job


def run(log: Path, error: Exception | None = None) -> None:
    with job(log):
        logging.getLogger("tto").info("halfway")
        if error:
            raise error


def test_messages_go_to_the_log(tmp_path: Path):
    log = tmp_path / "deep" / "job.log"
    with warnings.catch_warnings(), job(log):
        warnings.simplefilter("always")
        logging.getLogger("tto").info("halfway")
        warnings.warn("odd", stacklevel=1)
        print("progress", file=sys.stderr)
    text = log.read_text()
    assert all(word in text for word in ("halfway", "odd", "progress"))


def test_bad_input_is_one_line_and_status_1(tmp_path: Path):
    log = tmp_path / "job.log"
    with pytest.raises(SystemExit) as caught:
        run(log, TTOError("expected a number,\n got none"))
    assert caught.value.code == 1
    assert log.read_text().splitlines()[-1] == "Error: expected a number, got none"
    assert "Traceback" not in log.read_text()


def test_a_full_disk_is_one_line(tmp_path: Path):
    log = tmp_path / "job.log"
    with pytest.raises(SystemExit):
        run(log, OSError(errno.ENOSPC, "No space left on device", "results/x.h5"))
    assert log.read_text().splitlines()[-1] == (
        "Error: No space left on device (results/x.h5): free some space there, then run again."
    )


def test_a_bug_keeps_its_traceback(tmp_path: Path):
    log = tmp_path / "job.log"
    with pytest.raises(SystemExit):
        run(log, ZeroDivisionError("division by zero"))
    assert "Traceback" in log.read_text()


def test_logging_is_as_before_afterwards(tmp_path: Path):
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    run(tmp_path / "job.log")
    assert (root.level, list(root.handlers)) == before
