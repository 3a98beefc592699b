import errno
import logging
import sys
import warnings
from pathlib import Path

import pytest

from tto.errors import TTOError
from tto.job import START_LOG, job, start_of_workflow


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
    assert log.read_text().splitlines()[-1] == r"Error: expected a number,\n got none"
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


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            ValueError("Maximum allowed dimension exceeded"),
            "Error: not enough memory (Maximum allowed dimension exceeded): give it more",
        ),
        (
            FileExistsError(errno.EEXIST, "File exists", "a"),
            "Error: File exists (a): name another path, since a file is in its way, then run",
        ),
        (MemoryError("8 GB"), "Error: not enough memory (8 GB): give it more, or lower the sizes"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
            "Error: not enough memory (DefaultCPUAllocator: can't allocate memory: you tried)",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "a.csv"),
            "Error: No such file or directory (a.csv): check its name, then run again.",
        ),
        (
            ValueError("two\nlines"),
            "Error: ValueError: two lines; this is a fault of the program, whose traceback",
        ),
    ],
)
def test_the_last_line_of_a_log_is_for_the_user(tmp_path: Path, error: Exception, line: str):
    log = tmp_path / "job.log"
    with pytest.raises(SystemExit):
        run(log, error)
    assert log.read_text().splitlines()[-1].startswith(line)
    assert ("Traceback" in log.read_text()) == ("fault of the program" in line)


def test_the_start_of_the_workflow_ends_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    for error in (TTOError("expected a number"), ZeroDivisionError("division by zero")):
        with pytest.raises(SystemExit) as ended, start_of_workflow():
            raise error
        assert str(ended.value.code).startswith("Error: ")
        assert START_LOG.exists() == isinstance(error, ZeroDivisionError)
    assert "Traceback" in START_LOG.read_text()
    assert str(START_LOG) in str(ended.value.code)
