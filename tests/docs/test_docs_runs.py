"""Snakemake plans what the docs tell it, and takes in the tutorial's own dataset."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from doc_blocks import PAGES, commands, write_files
from running import TINY, planned, snakemake
from snakemake.cli import get_argument_parser

TINY_SETTINGS = yaml.safe_load(TINY.read_text())


def runs() -> dict[tuple[str, ...], set[str]]:
    """Targets by the options on which a plan depends: overlays and profile."""
    found: dict[tuple[str, ...], set[str]] = {}
    for command in (command for page in PAGES for command in commands(page)):
        if command.program != "snakemake":
            continue
        given = get_argument_parser().parse_args(list(command.words[1:]))
        options = ["--configfile", *map(str, given.configfile)] if given.configfile else []
        if given.workflow_profile:
            options += ["--workflow-profile", given.workflow_profile]
        found.setdefault(tuple(options), set()).update(given.targets or ["all"])
    return found


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as after following the docs up to Snakemake: scripts run, overlays written."""
    folder = tmp_path_factory.mktemp("clone")
    for block in write_files(folder):
        if block.language == "python":
            subprocess.run([sys.executable, block.name], cwd=folder, check=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("options", "targets"), runs().items(), ids=map(" ".join, runs()))
def test_the_docs_runs_are_planned(options: tuple[str, ...], targets: set[str], clone: Path):
    run = snakemake(clone, *sorted(targets), "--dry-run", *options)
    assert run.returncode == 0, run.stdout
    assert planned(run.stdout)


@pytest.mark.slow
def test_the_tutorials_file_is_taken_in(clone: Path):
    tokens = "results/pendulum/tokens/pendulum.h5"
    run = snakemake(clone, tokens, "--configfile", "pendulum.yaml")
    assert run.returncode == 0, run.stdout
    assert (clone / tokens).exists()


@pytest.mark.slow
def test_the_tutorials_environment_is_collected_learned_played_and_filmed(clone: Path):
    tiny = {
        key: TINY_SETTINGS[key] for key in ("model", "training", "planning", "behavior_cloning")
    }
    tiny |= {"baselines": {"methods": []}, "loss_ladder": {"datasets": []}, "rollouts": 1}
    (clone / "tiny.yaml").write_text(yaml.safe_dump(tiny))
    table = "results/glide/tables/table1.md"
    run = snakemake(clone, table, "--configfile", "glide.yaml", "tiny.yaml")
    assert run.returncode == 0, run.stdout
    assert "glide" in (clone / table).read_text()
    film = subprocess.run(
        [
            *(Path(sys.executable).with_name("tto"), "play", "results/glide/models/glide/seed0"),
            *("--env", "my_world:Glide-v0", "--video", "glide.gif", "--max-steps", "3"),
        ],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert film.returncode == 0, film.stderr
    assert (clone / "glide.gif").exists()
