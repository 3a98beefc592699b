"""Outputs with one owner: a job that lost its outputs to a newer one publishes nothing.

When a workflow is killed, its jobs go on as orphans. A new run makes the same files, perhaps by
other settings, and an orphan that ends later would put its old result over the new one. So each job
writes a token beside each of its outputs when it begins, and `tto.files.atomic_path` moves a file
to its place only while the token there is still the job's own. The newest job always wins.

Processes that a job starts inherit its outputs by an environment variable.
"""

import contextlib
import errno
import fcntl
import json
import os
import socket
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from tto.errors import TTOError, shown

_INHERITED = "TTO_OWNED_OUTPUTS"
StrPath = str | os.PathLike[str]


@contextlib.contextmanager
def owned(outputs: Iterable[StrPath]) -> Iterator[None]:
    """Own some files and folders in the block of the `with` statement.

    Earlier owners lose them at once. At the end, the tokens that are still this job's are removed.

    Raises:
        OSError: a token cannot be written beside an output.
    """
    token = f"{socket.gethostname()} {os.getpid()} {uuid.uuid4().hex}"
    paths = sorted({os.path.abspath(path) for path in outputs})
    previous = os.environ.get(_INHERITED)
    os.environ[_INHERITED] = json.dumps({"token": token, "outputs": paths})
    try:
        for path in paths:
            _take(Path(path), token)
        yield
    finally:
        if previous is None:
            del os.environ[_INHERITED]
        else:
            os.environ[_INHERITED] = previous
        for path in paths:
            with contextlib.suppress(OSError), _kept(Path(path), token) as kept:
                if kept:
                    _token_file(Path(path)).unlink()


@contextlib.contextmanager
def publishing(path: Path) -> Iterator[None]:
    """Keep other jobs from taking `path` in the block, which moves a finished file there.

    A path that is no output of this job, nor in one, nor holds one, is published freely.

    Raises:
        TTOError: another job took the output since this one began, or the environment variable
            that jobs leave to their processes holds something else.
    """
    token, owned_paths = _inherited()
    target = Path(os.path.abspath(path))
    inside = (each for each in sorted(owned_paths) if target in each.parents)
    output = next(
        (each for each in (target, *target.parents, *inside) if each in owned_paths), None
    )
    if output is None:
        yield
        return
    with _kept(output, token) as kept:
        if not kept:
            raise TTOError(
                f"{path}: a newer job makes this file now, so this older one keeps its result to "
                "itself; there is nothing to do"
            )
        yield


def _inherited() -> tuple[str, set[Path]]:
    """Token and outputs of the job that this process is part of; nothing outside of jobs."""
    text = os.environ.get(_INHERITED, '{"token": "", "outputs": []}')
    try:
        job = json.loads(text)
        return str(job["token"]), {Path(output) for output in job["outputs"]}
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise TTOError(
            f"{_INHERITED}: expected what a job of the workflow sets, got {shown(text)}; unset it"
        ) from error


def _token_file(output: Path) -> Path:
    return output.with_name(f".{output.name}.owner")


def _take(output: Path, token: str) -> None:
    """Write the token; wait until a job that publishes at this moment has done so."""
    path = _token_file(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "r+") as file:
            _lock(file)
            if not _is_at(file, path):
                continue  # its owner removed it meanwhile
            file.truncate()
            file.write(token)
            return


@contextlib.contextmanager
def _kept(output: Path, token: str) -> Iterator[bool]:
    """Lock the token of an output; yield whether it is this one."""
    path = _token_file(output)
    try:
        file = open(path)  # noqa: SIM115 (closed below)
    except FileNotFoundError:  # a newer job took it and has ended
        yield False
        return
    with file:
        _lock(file)
        yield file.read() == token and _is_at(file, path)


def _lock(file: IO[str]) -> None:
    """Wait for other jobs at the token; where the disk has no locks, the token has to do."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise


def _is_at(file: IO[str], path: Path) -> bool:
    """Whether an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
