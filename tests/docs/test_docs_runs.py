"""Snakemake plans what the docs tell it, and takes in the tutorial's own dataset."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from doc_blocks import PAGES, commands, write_files
from PIL import Image
from running import ROOT, TINY, copy_workflow, planned, snakemake
from snakemake.cli import get_argument_parser
from test_docs_commands import not_run

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
        if block.language == "python" and not not_run("python", block.name):
            subprocess.run([sys.executable, block.name], cwd=folder, check=True)
    copy_workflow(folder)
    tto = Path(sys.executable).with_name("tto")
    for command in commands(ROOT / "docs/tutorial.md"):
        starts, options = command.words[:2] == ("tto", "new"), command.words[2:]
        if starts and options and not not_run(*command.words):
            subprocess.run([tto, *command.words[1:]], cwd=folder, check=True)
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


def check_own_report(results: Path) -> None:
    """The page begins with the result, and shows nothing that was not run."""
    page = (results / "report.html").read_text()
    head = page[page.index("<header>") : page.index("</header>")]
    assert re.search(r"On glide \(Glide-v0\), planning returned \d+\.\d+ on average", head)
    for absent in ("Table 1", "Figure 4", "published", "D4RL's data", "hopper"):
        assert absent not in page[: page.index('id="claims"')], absent
    for row in re.findall(r"<tr>(.*?)</tr>", page[: page.index('id="claims"')], re.DOTALL):
        cells = re.findall(r"<td.*?>(.*?)</td>", row)
        assert cells.count("-") < max(1, len(cells) - 1), row
    assert not re.search(r'data-verdict="(holds|fails|undecided)">', page)
    with Image.open(results / "figures/films/glide.webp") as film:
        assert film.n_frames > 1


@pytest.mark.slow
def test_the_tutorials_environment_is_collected_learned_played_and_filmed(clone: Path):
    tiny = {
        key: TINY_SETTINGS[key] for key in ("model", "training", "planning", "behavior_cloning")
    }
    tiny |= {"baselines": {"methods": []}, "loss_ladder": {"datasets": []}, "rollouts": 1}
    (clone / "tiny.yaml").write_text(yaml.safe_dump(tiny))
    run = snakemake(clone, "--configfile", "glide.yaml", "tiny.yaml")
    assert run.returncode == 0, run.stdout
    check_own_report(clone / "results/glide")
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
