"""The wrapper of every workflow job, and the one place that turns errors into lines for users."""

import contextlib
import errno
import logging
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from tto.errors import TTOError, one_line
from tto.files import StrPath
from tto.gpus import own_gpus
from tto.ownership import owned

START_LOG = Path(".snakemake/log/start.log")  # tracebacks from before the first job


@contextlib.contextmanager
def job(log_path: StrPath, outputs: Iterable[StrPath] = (), *, gpus: int = 0) -> Iterator[None]:
    """Run a script's body with its log in the file at `log_path`.

    The file receives the library's log records of level INFO and above, all warnings and all
    tracebacks. Standard error goes to the file, too, unless it is a terminal, which shows the
    progress bars.

    An exception ends the process with status 1. The file then ends with a line for the user
    (`line_for_user`); a bug's traceback comes before it.

    Args:
        log_path: the job's log.
        outputs: files and folders that the job makes. It owns them while it works, so that an older
            job that goes on after its workflow was killed does not write them (`tto.ownership`).
        gpus: number of GPUs that the job computes on; it waits until they are free (`tto.gpus`).
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
            with owned(outputs), stream, own_gpus(gpus):
                yield
        except Exception as error:
            if is_bug(error):
                log.write(traceback.format_exc())
            log.write(line_for_user(error) + "\n")
            sys.exit(1)
        finally:
            logging.captureWarnings(False)
            root.removeHandler(handler)
            root.setLevel(previous_level)


@contextlib.contextmanager
def start_of_workflow() -> Iterator[None]:
    """End the process by one line if the block fails; a bug's traceback goes to `START_LOG`."""
    try:
        yield
    except Exception as error:
        if is_bug(error):
            with contextlib.suppress(OSError):
                START_LOG.parent.mkdir(parents=True, exist_ok=True)
                START_LOG.write_text(traceback.format_exc(), encoding="utf-8")
        sys.exit(line_for_user(error, traceback_in=f"is in {START_LOG}"))


def _is_ours_or_a_warning(record: logging.LogRecord) -> bool:
    """Reject other libraries' INFO records, such as those on subsetting fonts: there are many."""
    return record.levelno >= logging.WARNING or record.name.split(".")[0] in ("tto", "root")


MENDABLE = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space within your quota",
    errno.EACCES: "make it readable and writable for you",
    errno.EPERM: "make it readable and writable for you",
    errno.EROFS: "put the results on a file system that can be written",
    errno.ENOENT: "check its name",
    errno.EISDIR: "name a file",
    errno.ENOTDIR: "name a folder",
    errno.EEXIST: "name another path, since a file is in its way",
    errno.ELOOP: "remove the links that lead to each other",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.EIO: "check the disk",
}
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "cannot allocate")
_NO_ADDRESSES = ("maximum allowed dimension exceeded", "array is too big")  # NumPy's, beyond memory


def is_bug(error: BaseException) -> bool:
    """Whether an error is a fault of the program, so that its traceback is needed."""
    if isinstance(error, OSError):
        return error.errno not in MENDABLE
    return not isinstance(error, TTOError) and not _is_of_memory(error)


def _is_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, RuntimeError) and any(words in text for words in _NO_MEMORY))
        or (isinstance(error, ValueError) and any(words in text for words in _NO_ADDRESSES))
    )


def line_for_user(error: BaseException, *, traceback_in: str = "is above") -> str:
    """The line about an error that a user sees.

    Args:
        traceback_in: words that say where the traceback of a bug is.
    """
    if isinstance(error, TTOError):
        return f"Error: {one_line(error, most=None)}"
    if isinstance(error, OSError) and error.errno in MENDABLE:
        where = error.filename or "the results folder"
        return f"Error: {error.strerror} ({where}): {MENDABLE[error.errno]}, then run again."
    if _is_of_memory(error):
        return (
            f"Error: not enough memory ({one_line(error, most=100)}): give it more, or lower the "
            "sizes of the model, batch or beam, then run again."
        )
    return (
        f"Error: {type(error).__name__}: {one_line(error)}; this is a fault of the program, whose "
        f"traceback {traceback_in}"
    )
