"""Downloads from a server on this machine: resumed, checked, and refused with one line."""

import hashlib
import json
import socket
import time
from pathlib import Path

import pytest
from file_server import Server, serve

from tto.data.download import download
from tto.errors import TTOError

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def server():
    with serve({"a.hdf5": CONTENT}) as running:
        yield running


def fetch(server: Server, tmp_path: Path, name: str = "a.hdf5") -> Path:
    path = tmp_path / "downloads" / name
    download(server.address + name, path, lock=tmp_path / "lock.json", timeout=5.0, pause=0.0)
    return path


def files_in_downloads(tmp_path: Path) -> list[str]:
    return sorted(file.name for file in (tmp_path / "downloads").iterdir())


def test_first_download_fills_the_lock_file(server: Server, tmp_path: Path):
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    entry = {"size": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
    assert json.loads((tmp_path / "lock.json").read_text()) == {"a.hdf5": entry}
    assert files_in_downloads(tmp_path) == ["a.hdf5"]


def test_cut_connection_is_resumed(server: Server, tmp_path: Path):
    server.cut_after = [300_000, 200_000]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=300000-", "bytes=500000-"]


def test_a_later_call_resumes(server: Server, tmp_path: Path):
    server.cut_after = [300_000, 0, 0, 0, 0]
    with pytest.raises(TTOError, match="connection was cut"):
        fetch(server, tmp_path)
    assert files_in_downloads(tmp_path) == ["a.hdf5.part", "a.hdf5.part.etag"]
    server.requests.clear()
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests == ["bytes=300000-"]


def test_a_changed_file_on_the_server_is_fetched_from_its_start(server: Server, tmp_path: Path):
    server.cut_after = [300_000, 0, 0, 0, 0]
    with pytest.raises(TTOError):
        fetch(server, tmp_path)
    server.files["a.hdf5"] = CONTENT[::-1]
    assert fetch(server, tmp_path).read_bytes() == CONTENT[::-1]


def test_a_shorter_file_on_the_server_is_fetched_from_its_start(server: Server, tmp_path: Path):
    part = tmp_path / "downloads" / "a.hdf5.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT + b"more")
    part.with_name("a.hdf5.part.etag").write_text(f'"{hashlib.md5(CONTENT).hexdigest()}"')
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests == [f"bytes={len(CONTENT) + 4}-", None]


def test_server_without_ranges(server: Server, tmp_path: Path):
    server.ranges = False
    server.cut_after = [300_000]
    assert fetch(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("key", ["size", "sha256"])
def test_wrong_content_is_discarded(server: Server, tmp_path: Path, key: str):
    entry = {"size": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
    entry[key] = 1 if key == "size" else "0" * 64
    lock = json.dumps({"a.hdf5": entry})
    (tmp_path / "lock.json").write_text(lock)
    with pytest.raises(TTOError, match=r"expected .* by .*lock\.json") as error:
        fetch(server, tmp_path)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "downloads" / "a.hdf5").exists()
    assert not (tmp_path / "downloads" / "a.hdf5.part").exists()
    assert (tmp_path / "lock.json").read_text() == lock


def test_other_entries_of_the_lock_file_stay(server: Server, tmp_path: Path):
    (tmp_path / "lock.json").write_text('{"b.hdf5": {"size": 1, "sha256": "x"}}')
    fetch(server, tmp_path)
    assert sorted(json.loads((tmp_path / "lock.json").read_text())) == ["a.hdf5", "b.hdf5"]


def test_page_instead_of_data(server: Server, tmp_path: Path):
    server.page = True
    with pytest.raises(TTOError, match="got a page"):
        fetch(server, tmp_path)
    assert files_in_downloads(tmp_path) == []
    assert not (tmp_path / "lock.json").exists()


def test_unknown_file(server: Server, tmp_path: Path):
    with pytest.raises(TTOError, match="404"):
        fetch(server, tmp_path, "b.hdf5")


def test_no_server(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/a.hdf5"
        begin = time.monotonic()
        with pytest.raises(TTOError, match=r"cannot be fetched .*refused"):
            download(address, tmp_path / "a.hdf5", lock=tmp_path / "lock.json", pause=0.01)
    assert time.monotonic() - begin < 5


def test_silent_server_times_out(tmp_path: Path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/a.hdf5"
        with pytest.raises(TTOError, match="timed out"):
            download(
                address,
                tmp_path / "a.hdf5",
                lock=tmp_path / "lock.json",
                timeout=0.1,
                attempts=2,
                pause=0.0,
            )


def test_damaged_lock_file(server: Server, tmp_path: Path):
    (tmp_path / "lock.json").write_text("{")
    with pytest.raises(TTOError, match="expected JSON"):
        fetch(server, tmp_path)
