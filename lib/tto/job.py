"""The wrapper of every workflow job: its log file, and its exit after an error."""

import contextlib
import errno
import logging
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from tto.errors import TTOError, one_line
from tto.files import StrPath


@contextlib.contextmanager
def job(log_path: StrPath) -> Iterator[None]:
    """Run a script's body with its log in the file at `log_path`.

    The file receives the library's log records of level INFO and above, all warnings and all
    tracebacks. Standard error goes to the file, too, unless it is a terminal, which shows the
    progress bars.

    An exception ends the process with status 1. A `TTOError`, or an error of the file system that a
    user can mend (no space, no permission), leaves one line in the file. Every other exception is a
    bug and leaves its traceback.
    """
    Path(log_path).parent.mkdir(parents=True, exist_ok=True)
    with open(log_path, "a", buffering=1, encoding="utf-8") as log:
        handler = logging.StreamHandler(log)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        handler.addFilter(_is_ours_or_a_warning)
        root = logging.getLogger()
        previous_level = root.level
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        logging.captureWarnings(True)
        stream = (
            contextlib.nullcontext() if sys.stderr.isatty() else contextlib.redirect_stderr(log)
        )
        try:
            with stream:
                yield
        except Exception as error:
            line = line_for_user(error)
            log.write(line + "\n" if line else traceback.format_exc())
            sys.exit(1)
        finally:
            logging.captureWarnings(False)
            root.removeHandler(handler)
            root.setLevel(previous_level)


def _is_ours_or_a_warning(record: logging.LogRecord) -> bool:
    """Reject other libraries' INFO records, such as those on subsetting fonts: there are many."""
    return record.levelno >= logging.WARNING or record.name.split(".")[0] in ("tto", "root")


MENDABLE = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space within your quota",
    errno.EACCES: "make it writable",
    errno.EROFS: "put the results on a file system that can be written",
}


def line_for_user(error: Exception) -> str | None:
    """The line to show the user, or None where `error` is a bug whose traceback is needed."""
    if isinstance(error, TTOError):
        return f"Error: {one_line(error, most=None)}"
    if isinstance(error, OSError) and error.errno in MENDABLE:
        where = error.filename or "the results folder"
        return f"Error: {error.strerror} ({where}): {MENDABLE[error.errno]}, then run again."
    return None
