"""The cached library is loaded only if this user compiled it and it is whole."""

import ctypes
import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tto.errors import TTOError
from tto.files import exclusive_lock
from tto.model import native_build
from tto.model.native_build import NativeUnavailable

PROCESSOR = native_build.SHARED / "processor.cpp"  # the small source, which compiles in a moment
FUNCTION = "tto_target"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of this test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "cache" / "tto"


def load() -> ctypes.CDLL:
    return native_build.build.__wrapped__(PROCESSOR, FUNCTION)


def target_of(library: ctypes.CDLL) -> str:
    library.tto_target.restype = ctypes.c_char_p
    return library.tto_target().decode()


def load_elsewhere(**environment: str) -> subprocess.CompletedProcess[str]:
    """Load the library in a process of its own, which a damaged one may kill."""
    code = "from tto.model.native_build import SHARED, build\n"
    code += f"print(build(SHARED / {PROCESSOR.name!r}, {FUNCTION!r})._name)"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def compiler_that(folder: Path, what: str) -> str:
    """A compiler that tells its version and then does `what` with its output file `$out`."""
    script = folder / "compiler"
    script.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit 0\nfor out; do :; done\n{what}\n')
    script.chmod(0o755)
    return str(script)


def test_the_folder_is_private_and_the_library_is_used_again(cache):
    assert target_of(load()) == native_build.best_target()
    assert cache.stat().st_mode & 0o777 == 0o700
    (library,) = cache.glob("*.so")
    before = library.stat().st_ino
    load()
    assert library.stat().st_ino == before
    assert not list(cache.glob("*.tmp"))


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "no digest", "other digest", "link"])
def test_a_damaged_library_is_compiled_again(cache, damage):
    load()
    (library,) = cache.glob("*.so")
    whole, digest = library.read_bytes(), library.with_suffix(".sha256")
    library.unlink()  # this process has it loaded
    if damage == "link":
        (cache / "elsewhere").write_bytes(whole)
        library.symlink_to(cache / "elsewhere")
    else:
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        contents = {"cut": whole[: len(whole) // 3], "flipped": bytes(flipped), "empty": b""}
        library.write_bytes(contents.get(damage, whole))
    if damage == "no digest":
        digest.unlink()
    if damage == "other digest":
        digest.write_bytes(b"\xff" * 64)
    done = load_elsewhere()
    assert done.returncode == 0, done.stderr
    assert not library.is_symlink()
    assert library.read_bytes() == whole


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_folder_of_another_user_is_not_used(cache, caplog):
    load()
    os.chown(cache, 65534, 65534)
    before = sorted(cache.iterdir())
    with caplog.at_level(logging.WARNING):
        library = load()
    assert "nobody else can write" in caplog.text
    assert not library._name.startswith(str(cache))
    assert sorted(cache.iterdir()) == before


@pytest.mark.parametrize("kind", ["link", "file", "open parent"])
def test_a_folder_that_others_can_replace_is_not_used(cache, kind):
    cache.parent.mkdir(parents=True)
    if kind == "link":
        (cache.parent / "real").mkdir(mode=0o700)
        cache.symlink_to(cache.parent / "real")
    if kind == "file":
        cache.touch()
    if kind == "open parent":
        cache.parent.chmod(0o777)
    assert not load()._name.startswith(str(cache))


def test_what_others_could_write_is_removed(cache):
    load()
    (library,) = cache.glob("*.so")
    (cache / "planted.so").touch()
    cache.chmod(0o777)
    load()
    assert cache.stat().st_mode & 0o777 == 0o700
    assert not (cache / "planted.so").exists()
    assert library.exists()


@pytest.mark.parametrize("name", ["", ".", "relative", "../up", "~"])
def test_a_relative_cache_is_ignored(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("XDG_CACHE_HOME", name)
    monkeypatch.setenv("HOME", "also/relative")
    library = Path(load()._name)
    assert library.is_absolute()
    assert tmp_path not in library.parents
    assert not list((tmp_path / "work").iterdir())


def test_a_lock_never_changes_another_file(cache, tmp_path):
    cache.mkdir(parents=True, mode=0o700)
    (tmp_path / "precious").write_text("content")
    (cache / "lock").symlink_to(tmp_path / "precious")
    with pytest.raises(NativeUnavailable, match=r"expected a lock file of its own"):
        load()
    assert (tmp_path / "precious").read_text() == "content"
    with pytest.raises(TTOError, match="got a link"), exclusive_lock(cache / "lock"):
        pass
    (tmp_path / "full").write_text("content")
    with exclusive_lock(tmp_path / "full"):
        pass
    assert (tmp_path / "full").read_text() == "content"


def test_old_versions_and_leftovers_are_removed(cache):
    load()
    (current,) = cache.glob("*.so")
    old, recent, left = cache / "engine-0.so", cache / "engine-1.so", cache / ".engine-2.so.7.tmp"
    for path in (old, recent, left):
        path.touch()
    month = time.time() - 40 * 86400
    os.utime(old, (month, month))
    current.unlink()
    load()
    assert not old.exists()
    assert not left.exists()
    assert recent.exists()
    assert current.exists()


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("echo junk > $out", "made no library that can be loaded"),
        (": > $out", "made no library that can be loaded"),
        ("true", "made no library that can be loaded"),
        ("printf '\\177ELF\\002\\001\\001' > $out", "made no library that can be loaded"),
        ("c++ -shared -x c++ /dev/null -o $out", "made no library that can be loaded"),
        ("kill -9 $$", "could not compile"),
        ("echo 'no such flag' >&2; exit 1", "no such flag"),
        ("yes | head -c 100000000 >&2; exit 1", "could not compile .*: y$"),
    ],
)
def test_a_compiler_that_makes_junk_is_noticed(cache, tmp_path, monkeypatch, what, message):
    monkeypatch.setenv("CXX", compiler_that(tmp_path, what))
    with pytest.raises(NativeUnavailable, match=message) as caught:
        load()
    assert "\n" not in str(caught.value)
    assert not list(cache.glob("*.so"))
    assert not list(cache.glob(".*"))


def test_a_truncated_output_of_the_compiler_is_noticed(cache, tmp_path, monkeypatch):
    load()
    (library,) = cache.glob("*.so")
    shutil.copy(library, tmp_path / "whole")
    monkeypatch.setenv("CXX", compiler_that(tmp_path, f"head -c 5000 {tmp_path}/whole > $out"))
    with pytest.raises(NativeUnavailable, match="made no library that can be loaded"):
        load()


def test_a_compiler_that_never_ends_is_stopped_with_its_children(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", compiler_that(tmp_path, f"sleep 61 & echo $! > {tmp_path}/pid; wait"))
    monkeypatch.setattr(native_build, "COMPILE_SECONDS", 5)  # on a busy machine a shell takes some
    started = time.monotonic()
    with pytest.raises(NativeUnavailable, match="within 5 seconds"):
        load()
    assert time.monotonic() - started < 50
    child = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat")
    while is_alive(child):
        assert time.monotonic() - started < 55
        time.sleep(0.1)


def is_alive(stat: Path) -> bool:
    """Whether a process runs; one that was killed may be there for a moment."""
    try:
        return stat.read_text().rsplit(")")[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
