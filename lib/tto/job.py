"""The frame around one workflow job: where its messages go and how it ends."""

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
    """Run a script's body: messages go to the file at `log_path`, bad input ends it in one line.

    The library's log records of level INFO and above, all warnings and tracebacks are written to
    the file. On a terminal, standard error stays there, for progress bars; elsewhere it goes to the
    file too.

    A `TTOError`, or an error of the file system that a user can mend (no space, no permission), is
    one line in the file and exit status 1. Everything else is a bug: the file gets the traceback.
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
    """Other libraries tell at length how they subset a font."""
    return record.levelno >= logging.WARNING or record.name.split(".")[0] in ("tto", "root")


MENDABLE = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space within your quota",
    errno.EACCES: "make it writable",
    errno.EROFS: "put the results on a file system that can be written",
}


def line_for_user(error: Exception) -> str | None:
    """The line for the user, or None where `error` is a bug whose traceback should be seen."""
    if isinstance(error, TTOError):
        return f"Error: {one_line(error, most=None)}"
    if isinstance(error, OSError) and error.errno in MENDABLE:
        where = error.filename or "the results folder"
        return f"Error: {error.strerror} ({where}): {MENDABLE[error.errno]}, then run again."
    return None
