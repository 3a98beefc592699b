"""The workflow as its users run it: by Snakemake's command line, in a folder of its own."""

import html
import json
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from browser import CHROMIUM, LOOK, open_browser
from running import HOPPER, TINY, full_text, overlay, planned, shipped_config, snakemake

from tto.cli.inspection import inspect


def test_the_demo_is_planned(tmp_path: Path):
    run = snakemake(tmp_path, "--dry-run")
    assert run.returncode == 0, run.stdout
    jobs = planned(run.stdout)
    assert (jobs["collect"], jobs["tokenize"], jobs["train"], jobs["plan"]) == (4, 4, 8, 2)
    assert (jobs["table1"], jobs["figure4"], jobs["report"]) == (1, 1, 1)


def test_the_paper_is_nine_datasets_of_five_models_of_three_rollouts(tmp_path: Path):
    run = snakemake(tmp_path, "--dry-run", "--configfile", "config/paper.yaml")
    assert run.returncode == 0, run.stdout
    jobs = planned(run.stdout)
    imitation, rooms, analysis = 2, 1, 3
    datasets = 9 + imitation + rooms + analysis
    assert (jobs["tokenize"], jobs["train"], jobs["plan"]) == (datasets, 5 * datasets, 45)
    paths = set(re.findall(r"results/paper/rollouts/[^,\s]+/tto/[^,\s]+\.h5", full_text(tmp_path)))
    assert len(paths) == 9 * 5 * 3
    assert "results/paper/rollouts/walker2d-medium-expert-v2/tto/seed4-rollout2.h5" in paths


def test_the_official_settings_are_planned(tmp_path: Path):
    run = snakemake(tmp_path, "offline_rl", "--dry-run", "--configfile", "config/official.yaml")
    assert run.returncode == 0, run.stdout
    assert planned(run.stdout)["train"] == 9


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            {"training": {"learning_rat": 1.0}},
            "Error: config: unknown key 'learning_rat' in training; did you mean 'learning_rate'?",
        ),
        ({"rollouts": 0}, "Error: config: rollouts must be at least 1, not 0"),
    ],
)
def test_a_wrong_config_stops_before_anything_runs(tmp_path: Path, content: dict, line: str):
    run = snakemake(tmp_path, "--configfile", overlay(tmp_path, content))
    assert run.returncode != 0
    lines = run.stdout.splitlines()
    assert lines[-1] == line
    assert not any("Traceback" in text for text in lines)
    assert not (tmp_path / "results").exists()


def test_an_overlay_takes_a_dataset_out(tmp_path: Path):
    mine = {
        "datasets": {
            HOPPER: None,
            "mine": {"env": "Hopper-v5", "source": "collect", "kind": "expert"},
        }
    }
    run = snakemake(tmp_path, "--dry-run", "--configfile", overlay(tmp_path, mine))
    assert run.returncode == 0, run.stdout
    assert "results/demo/tokens/mine.h5" in full_text(tmp_path)
    assert HOPPER not in full_text(tmp_path)


@pytest.mark.slow
def test_the_whole_workflow_runs(finished: Path):
    results = finished / "results/tiny"
    rows = (results / "rollouts.csv").read_text().splitlines()
    # methods x seeds x rollouts: offline RL, imitation, pairs of the four rooms
    assert len(rows) == 1 + 6 * 1 * 2 + 3 * 1 * 2 + 2 * 1 * 4
    for name in ("imitation", "goal_reaching", "tuning"):
        assert (results / f"tables/{name}.md").stat().st_size > 0
    for name in ("tables/table1.csv", "tables/table1.tex", "figures/figure4.pdf", "config.yaml"):
        assert (results / name).stat().st_size > 0
    report = (results / "report.html").read_text()
    for title in ("Figure 1 as a film", "Figure 2", "Figure 5", "reward to go", "four-rooms"):
        assert title in report
    assert report.index("Figure 4") < report.index("Table 1") < report.index("Claims of arXiv")
    assert "<td>plan</td>" in re.sub(r' class="\w+"', "", report)  # its time
    films = [path.stem for path in (results / "figures/films").iterdir()]
    assert sorted(films) == ["four-rooms", "hopper-expert-v2", HOPPER]


@pytest.mark.slow
def test_inspect_opens_all_that_a_run_makes(finished: Path):
    results = finished / "results/tiny"
    folders = ["datasets/*", "models/*/*", "baselines/*/*/*", "trials/*/models/*/*"]
    files = [
        "*.h5",
        "*.csv",
        "*.json",
        "*.yaml",
        "*.md",
        "*.txt",
        "*.log",
        "*.safetensors",
        "*.tsv",
    ]
    paths = [results, *(path for pattern in folders for path in results.glob(pattern))]
    paths += [path for pattern in files for path in results.rglob(pattern)]
    paths += (finished / "results/checkpoints").rglob("checkpoint.pt")
    assert len(paths) > 100
    for path in paths:
        assert inspect(path), path
    assert not [path for path in results.rglob(".*") if path.suffix in (".owner", ".tmp")]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian's package chromium)")
def test_the_report_opens_in_a_browser(finished: Path):
    with open_browser() as browser:
        for width in (1280, 390):
            page = finished / "results/tiny/report.html"
            seen = browser.visit(page, width=width, expressions=LOOK)
            assert (seen.errors, seen.requests) == ([], [])
            assert len(seen.found["pictures"]) > 15
            assert all(pixels > 0 for pixels in seen.found["pictures"])
            assert seen.found["hidden"] == seen.found["broken"] == 0
            assert seen.found["width"] <= width


@pytest.mark.slow
def test_snakemake_makes_its_own_report_too(copy: Path):
    run = snakemake(copy, "all", "--report", "mine.html", "--configfile", TINY)
    assert run.returncode == 0, run.stdout
    assert "figure4.png" in (copy / "mine.html").read_text()


@pytest.mark.slow
def test_a_second_run_has_nothing_to_do(copy: Path):
    run = snakemake(copy, "--configfile", TINY)
    assert run.returncode == 0, run.stdout
    assert "Nothing to be done" in run.stdout


@pytest.mark.slow
def test_a_lost_figure_alone_is_made_again(copy: Path):
    (copy / "results/tiny/figures/figure4.png").unlink()
    run = snakemake(copy, "offline_rl", "--configfile", TINY)
    assert run.returncode == 0, run.stdout
    assert planned(run.stdout) == {"figure4": 1, "report_of_offline_rl": 1, "offline_rl": 1}
    page = (copy / "results/tiny/offline_rl.html").read_text()
    assert "Table 1" in page
    assert not any(title in page for title in ("Figure 5", "Imitation of experts", "Claims"))


@pytest.mark.slow
def test_a_finished_run_is_published(copy: Path):
    run = snakemake(copy, "publish", "--configfile", TINY)
    assert run.returncode == 0, run.stdout
    assert planned(run.stdout) == {"publish": 1}
    folder = copy / "docs/results/tiny"
    for name in ("claims.csv", "rollouts.csv", "tables/table1.md", "figures/figure4.pdf"):
        assert (folder / name).read_bytes() == (copy / "results/tiny" / name).read_bytes()
    made = json.loads((folder / "provenance.json").read_text())
    assert made["seconds_by_rule"]["train"] > 0
    assert "tiny.yaml" in made["command"]
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 3_000_000


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["imitation", "goal_reaching", "model_analysis"])
def test_an_experiment_runs_alone(copy: Path, tmp_path: Path, experiment: str):
    config = shipped_config(TINY)
    mine: dict[str, Any] = {"datasets": dict.fromkeys(config["datasets"])}
    for other in {"imitation", "goal_reaching", "model_analysis"} - {experiment}:
        mine[other] = {"datasets": dict.fromkeys(config[other]["datasets"])}
    if experiment != "model_analysis":
        mine["model_analysis"]["variants"] = {
            name: None for name in config["model_analysis"]["variants"]
        }
    mine |= {"ablations": {"sweeps": dict.fromkeys(config["ablations"]["sweeps"])}}
    files = (TINY, overlay(tmp_path, mine))
    for targets in ((), ("publish",), ("offline_rl",)):
        run = snakemake(copy, *targets, "--configfile", *files)
        assert run.returncode == 0, run.stdout
    report = html.unescape((copy / "results/tiny/report.html").read_text())
    answer = {
        "imitation": "of the expert data's return",
        "goal_reaching": "goals reached",
        "model_analysis": "above the ensemble's at step 3",
    }
    assert [name for name, words in answer.items() if words in report] == [experiment]
    claims = (copy / "docs/results/tiny/claims.csv").read_text()
    assert "not tested" in claims
    assert (copy / "results/tiny/rollouts.csv").exists() or experiment == "model_analysis"


def error_lines(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines() if line.startswith("Error: ")]


@pytest.mark.slow
def test_a_truncated_dataset_stops_its_jobs_in_one_line(copy: Path):
    results = copy / "results/tiny"
    data = next((results / "datasets" / HOPPER).rglob("*.hdf5"))
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    weights = results / f"models/{HOPPER}/seed0/model.safetensors"
    before = weights.read_bytes()
    settings = yaml.safe_load(TINY.read_text())
    settings["discretizer"]["bins"] = 21  # asks for new tokens
    target = f"results/tiny/models/{HOPPER}/seed0/model.safetensors"
    run = snakemake(copy, target, "--configfile", overlay(copy, settings))
    assert run.returncode != 0
    (line,) = error_lines(results / f"logs/tokenize/{HOPPER}.log")
    assert HOPPER in line
    assert line in run.stdout
    assert "Traceback" not in run.stdout
    assert weights.read_bytes() == before


def write_d4rl(path: Path, *, observation_dim: int = 11) -> None:
    """Three episodes of hopper's size in D4RL's layout, each cut by the time limit."""
    rows = 60
    with h5py.File(path, "w") as file:
        file["observations"] = np.zeros((rows, observation_dim), np.float32)
        file["next_observations"] = np.zeros((rows, observation_dim), np.float32)
        file["actions"] = np.zeros((rows, 3), np.float32)
        file["rewards"] = np.ones(rows, np.float32)
        file["terminals"] = np.zeros(rows, bool)
        file["timeouts"] = np.arange(rows) % 20 == 19


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["nan reward", "shape", "truncated", "foreign"])
def test_a_bad_file_stops_in_one_line(tmp_path: Path, fault: str):
    data = tmp_path / "mine.hdf5"
    write_d4rl(data, observation_dim=17 if fault == "shape" else 11)
    if fault == "nan reward":
        with h5py.File(data, "a") as file:
            file["rewards"][30] = np.nan
    elif fault == "truncated":
        data.write_bytes(data.read_bytes()[:-1000])
    elif fault == "foreign":
        data.write_text("<html>not found</html>")
    spec = {"env": "Hopper-v5", "source": "file", "path": str(data)}
    config = overlay(tmp_path, {"run": "bad", "datasets": {HOPPER: None, "mine": spec}})
    run = snakemake(tmp_path, "results/bad/tokens/mine.h5", "--configfile", config)
    assert run.returncode != 0
    (line,) = error_lines(tmp_path / "results/bad/logs/import_dataset/mine.log")
    assert "mine" in line
    assert "Traceback" not in run.stdout
    assert not (tmp_path / "results/bad/tokens").exists()
