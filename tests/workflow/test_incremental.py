"""What a finished run does again after a change, by dry runs; no config reaches a shell."""

import os
import re
import shutil
import tarfile
from pathlib import Path

import pytest
import yaml
from reruns import PLANNED, RERUNS, TRIALS, Rerun, table
from running import HOPPER, ROOT, TINY, changed, full_text, overlay, planned, snakemake

ALWAYS = {"config", "report", "all"}  # of a changed config
SHARED = ("rerun-triggers", "rerun-incomplete", "keep-going", "max-checksum-file-size")


def dry_run(folder: Path, config: Path) -> str:
    run = snakemake(folder, "--nolock", "--dry-run", "--configfile", config)
    assert run.returncode == 0, run.stdout
    return run.stdout


def test_the_documented_table_is_the_tested_one():
    assert table() in (ROOT / "docs/workflow.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("rerun", RERUNS, ids=lambda rerun: rerun.change)
def test_a_change_reruns_what_depends_on_it(finished: Path, tmp_path: Path, rerun: Rerun):
    output = dry_run(finished, overlay(tmp_path, changed(rerun.overlay)))
    assert set(planned(output)) == set(rerun.rules.split()) | ALWAYS
    first = rerun.rules.split()[0]
    (reason,) = re.findall(rf"^{first} +\d+ +(.*)$", output, re.MULTILINE)
    assert rerun.reason in reason


@pytest.mark.slow
def test_a_new_seed_trains_no_other_seed(finished: Path, tmp_path: Path):
    dry_run(finished, overlay(tmp_path, changed({"seeds": [0, 1]})))
    trained = re.findall(
        r"output: results/tiny/(?:\S+/)?models/\S+/seed(\d+)/model", full_text(finished)
    )
    assert set(trained) == {"1"}


def moved(finished: Path, folder: Path) -> Path:
    """The results in an archive, unpacked beside code whose files all have new time stamps."""
    folder.mkdir()
    archive = folder / "results.tar"
    with tarfile.open(archive, "w") as file:
        for name in ("results", ".snakemake/metadata"):
            file.add(finished / name, name)
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    for name in ("config", "lib", "profiles", "resources", "workflow"):
        shutil.copytree(finished / name, folder / name, copy_function=shutil.copy)
    return folder


@pytest.mark.slow
def test_moved_results_touched_files_and_comments_rerun_nothing(finished: Path, tmp_path: Path):
    folder = moved(finished, tmp_path / "moved")
    module = folder / "lib/tto/planning/search.py"
    module.write_text("# A remark.\n" + module.read_text())
    os.utime(folder / f"results/tiny/tokens/{HOPPER}.h5")
    # the same settings in another order
    settings = dict(reversed(yaml.safe_load(TINY.read_text()).items()))
    output = dry_run(folder, overlay(tmp_path, settings))
    assert "Nothing to be done" in output, output


@pytest.mark.slow
def test_code_of_a_stage_reruns_it_and_what_follows(finished: Path, tmp_path: Path):
    folder = moved(finished, tmp_path / "moved")
    script = folder / "workflow/scripts/evaluation/plan.py"
    script.write_text(script.read_text() + "\nassert model_folder\n")
    goals = "reach_goals goal_rows goal_reaching_table figure5"
    rules = {*PLANNED.split(), *TRIALS.split(), *goals.split(), "report", "all"}
    assert set(planned(dry_run(folder, TINY))) == rules


def rule_files() -> list[Path]:
    return [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]


def test_no_rule_gives_anything_to_a_shell():
    directives = [
        line.strip()
        for path in rule_files()
        for line in path.read_text().splitlines()
        if re.match(r"\s+(shell|run|notebook|wrapper|cwl|script):", line)
    ]
    assert set(directives) == {"script:"}


@pytest.mark.parametrize("name", ["$(touch x)", "a b", "it's", '"', "../up", "`touch x`"])
def test_a_run_named_like_a_command_is_refused(name: str):
    pattern = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    assert pattern["properties"]["run"] == {"$ref": "#/$defs/name"}
    assert not re.search(pattern["$defs"]["name"]["pattern"], name)


@pytest.mark.slow
def test_a_folder_named_like_a_command_is_a_folder(tmp_path: Path):
    folder = tmp_path / 'it\'s "here" $(touch x)'
    folder.mkdir()
    config = overlay(folder, changed({"collect": {"transitions": 30}}))
    run = snakemake(folder, f"results/tiny/tokens/{HOPPER}.h5", "--configfile", config)
    assert run.returncode == 0, run.stdout
    assert not list(tmp_path.rglob("x"))


@pytest.mark.parametrize("name", ["slurm", "kubernetes"])
def test_profiles_agree_on_what_is_up_to_date(name: str):
    default, other = (
        yaml.safe_load((ROOT / f"profiles/{profile}/config.yaml").read_text())
        for profile in ("default", name)
    )
    assert {key: other[key] for key in SHARED} == {key: default[key] for key in SHARED}
    assert "gpu" not in other.get("resources", {})  # it would be one for all nodes


def test_a_cluster_groups_small_jobs_and_gives_more_at_the_second_attempt(tmp_path: Path):
    profile = ("--workflow-profile", "profiles/slurm", "--attempt", "2")
    config = overlay(tmp_path, {"device": "cuda"})
    run = snakemake(tmp_path, "--dry-run", *profile, "--configfile", config)
    assert run.returncode == 0, run.stdout
    text = full_text(tmp_path)
    groups = re.findall(r"Group job (\w+)", text)
    assert groups.count("tables") == 1
    assert {"cards", "curves"} <= set(groups)
    for rule in ("train", "plan"):
        asked = re.findall(rf"^rule {rule}:\n(?: .*\n)*? +resources: (.*)$", text, re.MULTILINE)
        assert asked
        assert all("mem_mb=16000" in line and "runtime=2880" in line for line in asked)
        assert all("gpu=1" in line for line in asked)


@pytest.mark.slow
def test_a_run_of_another_name_shares_the_models(copy: Path, tmp_path: Path):
    model = f"models/{HOPPER}/seed0"
    target = f"results/other/{model}/model.safetensors"
    run = snakemake(copy, target, "--configfile", overlay(tmp_path, changed({"run": "other"})))
    assert run.returncode == 0, run.stdout
    for name in ("model.safetensors", "config.json", "metrics.csv"):  # which holds its seconds
        one, other = (copy / f"results/{run}/{model}/{name}" for run in ("tiny", "other"))
        assert one.read_bytes() == other.read_bytes()
