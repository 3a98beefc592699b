"""Libraries in C++, which are compiled at their first use and then cached.

A library is in the user's cache folder. Its name has a digest of its sources, flags and compiler,
so that a change of any of them compiles it again, and several versions can exist at once.
`native_build/` holds what all sources share: vectors, threads and the choice of instructions.

A library is code, so only what this user compiled is loaded: the folder belongs to the user and
nobody else may write there, and a digest beside each library is compared with its content, because
a damaged library can kill the process.
"""

import contextlib
import ctypes
import functools
import hashlib
import logging
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tto.errors import TTOError, one_line
from tto.files import (
    atomic_path,
    content_digest,
    exclusive_lock,
    is_private_folder,
    remove,
)

LOGGER = logging.getLogger(__name__)
SHARED = Path(__file__).parent / "native_build"  # headers of all sources
COMPILE_SECONDS = 600  # it takes 20 on a usual machine
_KEPT_DAYS = 30  # since the last use of a library by any process
_COMPILERS = ("c++", "g++", "clang++")
_FLAGS = ["-std=c++17", "-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-strict-aliasing"]
_LIBRARY = ["-fPIC", "-shared", "-pthread"]
_AVX512 = [f"-mavx512{part}" for part in ("f", "bw", "dq", "vl")] + [
    "-mfma",
    "-mprefer-vector-width=512",
]
TARGETS = {
    "avx512_bf16": [*_AVX512, "-mavx512bf16"],
    "avx512": _AVX512,
    "avx2": ["-mavx2", "-mfma"],
    "generic": [],
}
_TRIAL = "import ctypes, sys; getattr(ctypes.CDLL(sys.argv[1]), sys.argv[2])"


class NativeUnavailable(TTOError):
    """A library cannot be compiled: there is no compiler, or it failed."""


def native_library(source: Path, function: str, target: str | None = None) -> ctypes.CDLL:
    """Load the library of a source for one of `TARGETS`, by default the best of this processor.

    Args:
        source: path of the C++ file. Its folder holds its own headers, and nothing else.
        function: name of a function of the library, to see that the compiler made what it should.
        target: name of the instruction set.

    Raises:
        NativeUnavailable: the library cannot be compiled here.
    """
    return build(source, function, tuple(TARGETS[target or best_target()]))


@functools.cache
def best_target() -> str:
    """The first of `TARGETS` that this processor can run."""
    function = build(SHARED / "processor.cpp", "tto_target").tto_target
    function.restype = ctypes.c_char_p
    return function().decode()


def targets_here() -> list[str]:
    """Return those of `TARGETS` that this processor runs, the best first."""
    names = list(TARGETS)
    return names[names.index(best_target()) :]


@functools.cache
def build(source: Path, function: str, flags: tuple[str, ...] = ()) -> ctypes.CDLL:
    """Load the library of a source; compile it unless it is cached and whole.

    Raises:
        NativeUnavailable: there is no compiler, it fails, takes too long or makes no library, or
            the library cannot be kept.
    """
    command = [compiler(), *_FLAGS, *_LIBRARY, *flags, f"-I{SHARED}", str(source)]
    try:
        library = _cache_folder() / f"{source.stem}-{_digest(command, source.parent)}.so"
        _compile_unless(_is_whole, command, library, function)
        try:
            return ctypes.CDLL(str(library))
        except OSError:  # compiled on another machine that shares the folder
            _compile_unless(lambda library: False, command, library, function)
            return ctypes.CDLL(str(library))
    except NativeUnavailable:
        raise
    except (OSError, TTOError) as error:
        raise NativeUnavailable(
            f"native code: could not keep or load a library ({one_line(error)}); free some "
            "space, or set XDG_CACHE_HOME to a folder of your own"
        ) from error


def compiler() -> str:
    """Path of the C++ compiler: the environment variable `CXX`, or the first usual name found.

    Raises:
        NativeUnavailable: there is no compiler.
    """
    for name in filter(None, (os.environ.get("CXX"), *_COMPILERS)):
        path = shutil.which(name)
        if path:
            return path
    raise NativeUnavailable(
        "native code: found no C++ compiler; install g++ or clang++, or set CXX"
    )


def _compile_unless(
    is_good: Callable[[Path], bool], command: list[str], library: Path, function: str
) -> None:
    if not is_good(library):
        with exclusive_lock(library.parent / "lock"):  # another process may be compiling it
            if not is_good(library):
                _compile(command, library, function)
            _clean(library.parent)
    with contextlib.suppress(OSError):
        os.utime(library)  # when it was last used, for `_clean`


def _compile(command: list[str], library: Path, function: str) -> None:
    """Compile a library, load it once in a process of its own, and write its digest beside it."""
    with atomic_path(library) as path:
        _run([*command, "-o", str(path)], seconds=COMPILE_SECONDS)
        name = Path(command[0]).name
        try:
            _run([sys.executable, "-I", "-c", _TRIAL, str(path), function], seconds=60)
        except NativeUnavailable as error:
            raise NativeUnavailable(
                f"native code: {name} made no library that can be loaded; set "
                "CXX to a C++ compiler for this machine"
            ) from error
        _digest_file(library).write_text(content_digest(path))


def _is_whole(library: Path) -> bool:
    """Whether the library is there with the content that was compiled, and is this user's."""
    try:
        ours = stat.S_ISREG(library.lstat().st_mode) and library.lstat().st_uid == os.geteuid()
        return ours and _digest_file(library).read_text() == content_digest(library)
    except (OSError, ValueError):
        return False


def _digest_file(library: Path) -> Path:
    return library.with_suffix(".sha256")


def _run(command: list[str], *, seconds: float) -> str:
    """Run a command and return its output; end it and all that it started after `seconds`."""
    name = Path(command[0]).name
    try:
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status = process.wait(seconds)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            output.seek(0)
            text = output.read(2**16).decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        raise NativeUnavailable(
            f"native code: expected {name} to compile a library within {seconds:g} seconds, it did "
            "not; set CXX to another compiler"
        ) from error
    except OSError as error:
        status, text = 1, one_line(error)
    if status:
        line = next(filter(str.strip, text.splitlines()), "no message")
        raise NativeUnavailable(
            f"native code: {name} could not compile a library: {line.strip():.200}"
        )
    return text


def _digest(command: list[str], folder: Path) -> str:
    digest = hashlib.sha256(repr(command).encode())
    digest.update(_run([command[0], "--version"], seconds=60).encode())
    for path in sorted({*SHARED.iterdir(), *folder.iterdir()}):
        if path.is_file():
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:24]


def _clean(folder: Path) -> None:
    """Remove what ended processes left, and libraries that nobody has used for long.

    The caller holds the lock, so nobody is writing.
    """
    oldest = time.time() - 86400 * _KEPT_DAYS
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            stale = path.name.endswith((".so", ".sha256", ".lock"))
            stale = stale and path.lstat().st_mtime < oldest
            if path.name.endswith(".tmp") or stale:
                remove(path)


def _cache_folder() -> Path:
    """A folder of this user alone: in the user's cache, or else a temporary one."""
    for folder in _cache_folders():
        try:
            if is_private_folder(folder):
                return folder
        except OSError:
            continue
        LOGGER.warning(
            "native code: expected %s to be a folder of your own that nobody else can write to; "
            "libraries are compiled in a temporary folder",
            folder,
        )
    return _temporary_folder()


@functools.cache
def _temporary_folder() -> Path:
    """A folder of this process, which is removed at its end."""
    folder = tempfile.TemporaryDirectory(prefix="tto-")
    _temporary.append(folder)
    return Path(folder.name)


_temporary: list[tempfile.TemporaryDirectory[str]] = []  # keeps the folder until the process ends


def _cache_folders() -> Iterator[Path]:
    """Folders to try; relative ones would depend on the current folder, so they are left out."""
    home = Path(os.path.expanduser("~"))
    caches = [Path(os.environ.get("XDG_CACHE_HOME", ""))]
    caches.append(home / ("Library/Caches" if sys.platform == "darwin" else ".cache"))
    yield from (cache / "tto" for cache in caches if cache.is_absolute())
