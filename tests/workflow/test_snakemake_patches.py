"""Snakemake is changed in tried versions only; elsewhere one line says so."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import snakemake
import snakemake_executor_plugin_slurm as slurm
from snakemake.jobs import Job

from tto.snakemake_patches import TRIED, apply_patches, cut_log_folders

ROOT = Path(__file__).parents[2]
SNAKEFILE = """
rule table:
    input: "model"
    output: "table"
    shell: "cp {input} {output}"

rule model:
    output: "model"
    params: value=config["value"]
    shell: "test ! -e broken && echo {params.value} > {output}"
"""
PATCHED = """
import snakemake
import snakemake_executor_plugin_slurm as slurm
from snakemake.jobs import Job
from tto.snakemake_patches import apply_patches

onstart:
    assert apply_patches(workflow, Job, version=snakemake.__version__) is None
"""


def run(folder: Path, value: int, *options: str) -> str:
    command = [sys.executable, "-m", "snakemake", "table", "--cores", "1", *options]
    done = subprocess.run(
        [*command, "--config", f"value={value}"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def after_a_failure(folder: Path) -> str:
    """A dry run's output after a changed param and a failed job."""
    run(folder, 1)
    assert (folder / "table").read_text() == "1\n"
    (folder / "broken").touch()
    assert "did not complete" in run(folder, 2)
    (folder / "broken").unlink()
    return run(folder, 2, "-n")


def test_snakemake_still_forgets_what_failed(tmp_path: Path):
    """Where this fails, Snakemake was mended: remove the first of the two patches."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    assert "Nothing to be done" in after_a_failure(tmp_path)


def test_what_failed_is_still_to_be_done(tmp_path: Path):
    (tmp_path / "Snakefile").write_text(PATCHED + SNAKEFILE)
    todo = after_a_failure(tmp_path)
    assert "Nothing to be done" not in todo
    assert re.search(r"^table +1$", todo, re.MULTILINE)


def parts(**without: None) -> SimpleNamespace:
    """As much of Snakemake's workflow object as the patches need."""
    persistence = SimpleNamespace(finished=lambda job: None, cleanup=lambda job: None)
    limiter = SimpleNamespace(job_rate_limiter="limit")
    given = {"persistence": persistence, "scheduler": limiter}
    return SimpleNamespace(**given | without)


@pytest.mark.parametrize("version", ["8.30.0", "9.26.9", "9.28.0", "10.0.0"])
def test_other_versions_are_left_as_they_are(version: str):
    postprocess, workflow = Job.postprocess, parts()
    warning = apply_patches(workflow, Job, version=version)
    assert warning is not None
    assert f"version {version} was not tried" in warning
    assert "\n" not in warning
    assert Job.postprocess is postprocess
    assert workflow.scheduler.job_rate_limiter == "limit"


@pytest.mark.parametrize(
    ("workflow", "missing"),
    [
        (parts(persistence=None), "persistence.finished(job), persistence.cleanup(job)"),
        (parts(scheduler=None), "scheduler.job_rate_limiter"),
    ],
)
def test_a_missing_part_leaves_all_as_it_is(workflow: SimpleNamespace, missing: str):
    postprocess = Job.postprocess
    warning = apply_patches(workflow, Job, version=snakemake.__version__)
    assert warning is not None
    assert f"it has no {missing}." in warning
    assert Job.postprocess is postprocess


def test_folders_of_logs_on_slurm_have_names_that_fit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(slurm, "get_job_wildcards", slurm.get_job_wildcards)
    cut_log_folders(slurm)
    names = [
        slurm.get_job_wildcards(SimpleNamespace(wildcards=[*"ab", "d" * length]))
        for length in (9, 250, 251)
    ]
    assert names[0] == "a_b_ddddddddd"
    assert [len(name) for name in names[1:]] == [200, 200]
    assert names[1] != names[2]


def test_the_tried_versions_are_those_that_are_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert TRIED in project["optional-dependencies"]["workflow"]
