"""The native engine's library, which is compiled at its first use and then cached.

The library is in the user's cache folder. Its name has a digest of its sources, flags and compiler,
so that a change of any of them compiles it again, and several versions can exist at once.
"""

import ctypes
import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tto.errors import TTOError
from tto.files import atomic_path

SOURCES = Path(__file__).parent / "native"
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


class NativeUnavailable(TTOError):
    """The native engine cannot be compiled: there is no compiler, or it failed."""


def native_library(target: str | None = None) -> ctypes.CDLL:
    """The compiled engine for one of `TARGETS`, by default the best that this processor runs.

    Raises:
        NativeUnavailable: the engine cannot be compiled here.
    """
    return ctypes.CDLL(str(build("engine.cpp", tuple(TARGETS[target or best_target()]))))


@functools.cache
def best_target() -> str:
    """The first of `TARGETS` that this processor can run."""
    function = ctypes.CDLL(str(build("processor.cpp"))).tto_target
    function.restype = ctypes.c_char_p
    return function().decode()


@functools.cache
def build(source: str, flags: tuple[str, ...] = ()) -> Path:
    """Compile one of the sources to a shared library unless it is cached; return its path."""
    executable = compiler()
    command = [executable, *_FLAGS, *_LIBRARY, *flags, str(SOURCES / source)]
    library = _cache_folder() / f"{Path(source).stem}-{_digest(command)}.so"
    if library.is_file():
        return library
    with open(library.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # wait if another process is compiling it
        if not library.is_file():
            with atomic_path(library) as path:
                _run([*command, "-o", str(path)])
    return library


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
        "planning: found no C++ compiler for the native engine; install g++ or clang++, or set CXX"
    )


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", None) or str(error)
        line = next(filter(str.strip, detail.splitlines()), "no message")
        raise NativeUnavailable(
            f"planning: {Path(command[0]).name} could not compile the native engine: {line}"
        ) from error
    return done.stdout


def _digest(command: list[str]) -> str:
    digest = hashlib.sha256(repr(command).encode())
    digest.update(_run([command[0], "--version"]).encode())
    for path in sorted(SOURCES.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:24]


def _cache_folder() -> Path:
    """A writable folder: the user's cache, or else a folder beside the sources."""
    for folder in _cache_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise NativeUnavailable("planning: found no writable folder for the native engine's library")


def _cache_folders() -> Iterator[Path]:
    if "XDG_CACHE_HOME" in os.environ:
        yield Path(os.environ["XDG_CACHE_HOME"]) / "tto"
    home = Path(os.path.expanduser("~"))
    yield home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "tto"
    yield SOURCES / "__pycache__"
