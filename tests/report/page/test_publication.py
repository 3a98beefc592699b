"""What is published of a run: what fits, nothing stale, and a page on how it was made."""

import json
import re
import subprocess
from pathlib import Path

import h5py
import pytest

from tto.errors import TTOError
from tto.files import content_digest
from tto.report.page.provenance import commit_of, machine, provenance, versions
from tto.report.page.publication import publish

FILES = {
    "config.yaml": "run: toy\n",
    "rollouts.csv": "dataset\n",
    "claims.md": "# Claims\n\n| id |\n",
    "claims.csv": "id\n",
    "goal_reaching.csv": "method\n",
    "tables/table1.md": "| environment |\n",
    "tables/table1.tex": "tabular\n",
    "tables/table1.html": "<table>\n",
    "sweeps/bins.csv": "sweep\n",
    "figures/figure4.png": "png",
    "figures/figure4.pdf": "pdf",
    "figures/figure1.webp": "webp",
    "figures/films/hopper.webp": "webp",
    "figures/ablations/bins.png": "png",
    "models/x/seed0/model.safetensors": "weights",
}
UNPUBLISHED = {"tables/table1.html", "models/x/seed0/model.safetensors"}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    for name, seconds in (("train/a.tsv", 1800), ("train/x/b.tsv", 1800), ("table1.tsv", 2)):
        path = tmp_path / "results/benchmarks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\n{seconds}\t0:00:00\n")
    return tmp_path / "results"


def made(results: Path) -> dict:
    return provenance(
        command="snakemake --cores all",
        repository=results,
        results=results,
    )


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_all_that_is_small_is_there(tmp_path: Path, results: Path):
    folder = tmp_path / "docs/toy"
    assert publish(results, folder, made(results)) == []
    assert files_in(folder) == FILES.keys() - UNPUBLISHED | {"README.md", "provenance.json"}
    for name in FILES.keys() - UNPUBLISHED:
        assert (folder / name).read_bytes() == (results / name).read_bytes()
    page = (folder / "README.md").read_text()
    assert "    snakemake --cores all\n" in page
    assert "| environment |" in page
    assert "| train | 1.00 |" in page
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert {"figures/figure4.png", "figures/ablations/bins.png", "sweeps/bins.csv"} <= set(links)
    assert all((folder / link).is_file() for link in links)
    stored = json.loads((folder / "provenance.json").read_text())
    assert stored["config_sha256"] == content_digest(results / "config.yaml")


def test_notes_stay_and_stale_files_go(tmp_path: Path, results: Path):
    folder = tmp_path / "docs/toy"
    publish(results, folder, made(results))
    (folder / "notes.md").write_text("Too small to plan well.\n")
    (results / "sweeps/bins.csv").unlink()
    publish(results, folder, made(results))
    assert "sweeps/bins.csv" not in files_in(folder)
    assert (folder / "notes.md").read_text() == "Too small to plan well.\n"
    assert "Too small to plan well." in (folder / "README.md").read_text()


def test_files_of_an_earlier_config_are_left_out(tmp_path: Path, results: Path):
    kept = {"config.yaml", "claims.md", "tables/table1.md", "figures/films/hopper.webp"}
    folder = tmp_path / "docs/toy"
    assert publish(results, folder, made(results), made=[results / name for name in kept]) == []
    assert files_in(folder) == kept | {"README.md", "provenance.json"}


def test_what_is_too_large_is_named(tmp_path: Path, results: Path):
    (results / "figures/figure4.png").write_bytes(bytes(3000))
    folder = tmp_path / "docs/toy"
    left_out = publish(results, folder, made(results), largest=2500)
    assert left_out == ["figures/figure4.png"]
    page = (folder / "README.md").read_text()
    assert "`figures/figure4.png`" in page
    assert "(figures/figure4.png)" not in page


def test_where_space_ends_the_least_important_is_left_out(tmp_path: Path, results: Path):
    for name in ("rollouts.csv", "figures/figure4.png", "figures/figure4.pdf"):
        (results / name).write_bytes(bytes(60_000))
    folder = tmp_path / "docs/toy"
    left_out = publish(results, folder, made(results), most=290_000)
    assert left_out == ["figures/figure4.pdf"]
    assert sum((folder / name).stat().st_size for name in files_in(folder)) <= 290_000


def test_films_have_a_space_of_their_own(tmp_path: Path, results: Path):
    for robot in ("ant", "hopper", "walker2d"):
        (results / f"figures/films/{robot}.webp").write_bytes(bytes(60_000))
    folder = tmp_path / "docs/toy"
    assert publish(results, folder, made(results), films=130_000, most=160_000) == [
        "figures/films/walker2d.webp"
    ]
    assert "figures/films/ant.webp" in files_in(folder)


def test_a_run_that_is_not_finished_leaves_the_folder_as_it_was(tmp_path: Path, results: Path):
    folder = tmp_path / "docs/toy"
    publish(results, folder, made(results))
    before = files_in(folder)
    (results / "claims.md").unlink()
    with pytest.raises(TTOError, match=r"claims\.md: expected a finished run"):
        publish(results, folder, made(results))
    assert files_in(folder) == before


def test_data_are_known_by_their_rows(results: Path):
    assert made(results)["data_sha256"] == {}
    (results / "config.yaml").write_text("run: toy\ndatasets: {mine: {env: Mine-v0}, gone: null}\n")
    (results / "tokens").mkdir()
    for name in ("mine", "gone"):
        with h5py.File(results / f"tokens/{name}.h5", "w") as file:
            file.attrs["source_digest"] = "12ab"
    assert made(results)["data_sha256"] == {"mine": "12ab"}


def test_seconds_are_of_all_jobs_of_a_rule(results: Path):
    assert made(results)["seconds_by_rule"] == {"table1": 2.0, "train": 3600.0}
    (results / "benchmarks/table1.tsv").write_text("x\n1\n")
    with pytest.raises(TTOError, match="expected a benchmark with seconds"):
        made(results)


def test_commit_and_whether_files_differ_from_it(tmp_path: Path):
    assert commit_of(tmp_path) is None

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        command = ["git", *identity, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "--quiet")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "--quiet", "--message", "a")
    git("tag", "v1")
    head = git("rev-parse", "HEAD")
    assert commit_of(tmp_path) == head
    (tmp_path / "a").write_text("2")
    assert commit_of(tmp_path) == f"{head}-changed"


def test_versions_and_machine_are_known():
    assert {"python", "torch", "mujoco"} <= versions().keys()
    assert versions()["numpy"]
    found = machine()
    assert found["cores"] >= 1
    assert found["memory_gib"] > 0
    assert found["processor"]
    assert found["system"]
