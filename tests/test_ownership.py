"""A job that lost its outputs to a newer one publishes nothing; dead writers leave nothing."""

# ruff: noqa: E501

import multiprocessing
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tto.errors import TTOError
from tto.files import atomic_path
from tto.ownership import owned

# a job that begins, says so, and publishes when it is told to
ORPHAN = """
import sys
from pathlib import Path
from tto.files import atomic_path
from tto.job import job

log, output = sys.argv[1:3]
with job(log, [output]):
    print("begun", flush=True)
    sys.stdin.readline()
    with atomic_path(sys.argv[3] if len(sys.argv) > 3 else output) as path:
        path.write_text("old")
"""


def write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text)


def begin(*arguments: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_job_publishes_what_it_owns_and_leaves_no_token(tmp_path: Path):
    output = tmp_path / "new" / "table.csv"
    with owned([output]):
        assert names(output.parent) == [".table.csv.owner"]
        write(output, "mine")
    assert names(output.parent) == ["table.csv"]
    assert output.read_text() == "mine"


@pytest.mark.parametrize("newer_has_ended", [True, False])
def test_an_orphan_does_not_replace_the_result_of_a_newer_job(tmp_path: Path, newer_has_ended):
    output, log = tmp_path / "table.csv", tmp_path / "job.log"
    orphan = begin(log, output)
    with owned([output]):
        write(output, "new")
        if not newer_has_ended:
            orphan.communicate("go\n")
    orphan.communicate("go\n") if newer_has_ended else None
    assert orphan.returncode == 1
    assert output.read_text() == "new"
    assert names(tmp_path) == ["job.log", "table.csv"]
    (line,) = log.read_text().splitlines()
    assert line.startswith("Error: ")
    assert "a newer job makes this file now" in line


def test_an_orphan_that_nobody_replaced_publishes(tmp_path: Path):
    orphan = begin(tmp_path / "job.log", tmp_path / "table.csv")
    orphan.communicate("go\n")
    assert orphan.returncode == 0
    assert (tmp_path / "table.csv").read_text() == "old"


@pytest.mark.parametrize(
    ("output", "published"),
    [("models", "models/config.json"), ("actors/ladder.csv", "actors")],
    ids=["a file in a folder", "the folder of a file"],
)
def test_outputs_are_guarded_with_their_folders(tmp_path: Path, output: str, published: str):
    target = tmp_path / published
    orphan = begin(tmp_path / "job.log", tmp_path / output, target)
    with owned([tmp_path / output]), atomic_path(target) as path:
        if published == "actors":
            path.mkdir()
            (path / "ladder.csv").write_text("new")
        else:
            path.write_text("new")
    orphan.communicate("go\n")
    assert orphan.returncode == 1
    assert {
        path.read_text() for path in (tmp_path / published, *target.glob("*")) if path.is_file()
    } == {"new"}


def test_the_tokens_of_a_killed_job_do_not_stop_the_next(tmp_path: Path):
    output = tmp_path / "table.csv"
    killed = begin(tmp_path / "job.log", output)
    killed.kill()
    killed.communicate()
    assert ".table.csv.owner" in names(tmp_path)
    with owned([output]):
        write(output, "new")
    assert names(tmp_path) == ["job.log", "table.csv"]


def test_processes_of_a_job_own_its_outputs(tmp_path: Path):
    output = tmp_path / "table.csv"
    child = f"from pathlib import Path\nfrom tto.files import atomic_path\nwith atomic_path({str(output)!r}) as path:\n    path.write_text('child')\n"
    with owned([output]):
        subprocess.run([sys.executable, "-c", child], check=True)
        assert output.read_text() == "child"
        environment = dict(os.environ)
    with owned([output]):
        run = subprocess.run([sys.executable, "-c", child], env=environment, stderr=subprocess.PIPE)
    assert run.returncode != 0
    assert b"a newer job makes this file now" in run.stderr


def test_other_files_are_published_freely(tmp_path: Path):
    with owned([tmp_path / "a"]):
        inherited = os.environ["TTO_OWNED_OUTPUTS"]
        with owned([tmp_path / "a"]):
            pass
        assert os.environ["TTO_OWNED_OUTPUTS"] == inherited
        write(tmp_path / "b", "free")
        with pytest.raises(TTOError, match="newer job"):
            write(tmp_path / "a", "lost")
    assert "TTO_OWNED_OUTPUTS" not in os.environ
    assert names(tmp_path) == ["b"]


def take_and_write(output: Path, number: int) -> None:
    for _ in range(20):
        with owned([output]):
            try:
                write(output, str(number))
            except TTOError:
                continue


def test_many_owners_at_once_leave_one_result_and_no_token(tmp_path: Path):
    output = tmp_path / "table.csv"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=take_and_write, args=(output, i)) for i in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert names(tmp_path) == ["table.csv"]


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_temporaries_of_dead_writers_are_removed_by_the_next_writer(tmp_path: Path):
    dead, machine = dead_process(), socket.gethostname()
    stale = [f".table.csv.{dead}.tmp", f".table.csv.{dead}@{machine}.tmp", f".table.csv.{10**12}.tmp"]  # fmt: skip
    kept = [f".table.csv.{os.getppid()}.tmp", f".table.csv.{dead}@elsewhere.tmp"]
    kept += [f".other.csv.{dead}.tmp", ".table.csv.x.tmp", "table.csv.1.tmp"]
    for name in stale[:2] + kept:
        (tmp_path / name).write_text("half")
    (tmp_path / stale[2]).mkdir()
    (tmp_path / stale[2] / "inner").write_text("half")
    write(tmp_path / "table.csv", "whole")
    assert names(tmp_path) == sorted([*kept, "table.csv"])


def test_a_killed_writers_temporary_is_removed(tmp_path: Path):
    code = f"import time\nfrom tto.files import atomic_path\nwith atomic_path({str(tmp_path / 'a')!r}) as path:\n    path.write_text('half')\n    time.sleep(60)\n"
    writer = subprocess.Popen([sys.executable, "-c", code])
    while not list(tmp_path.glob(".a.*.tmp")):
        time.sleep(0.02)
    writer.kill()
    writer.wait()
    write(tmp_path / "a", "whole")
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("junk", ["", "junk", "[]", '{"token": ""}', '{"token": "", "outputs": 1}'])
def test_a_variable_that_no_job_wrote_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, junk: str
):
    monkeypatch.setenv("TTO_OWNED_OUTPUTS", junk)
    with (
        pytest.raises(TTOError, match=r"TTO_OWNED_OUTPUTS: expected what a job .*; unset it"),
        atomic_path(tmp_path / "a") as path,
    ):
        path.touch()
