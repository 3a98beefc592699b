"""The lines of Snakemake's console: a job's, a failure's, a dry run's."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from running import ROOT, full_text, overlay, snakemake
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_tto.console import LOG_LINES, Console
from snakemake_logger_plugin_tto.dry_run import DryRun
from snakemake_logger_plugin_tto.reasons import why
from snakemake_logger_plugin_tto.words import duration

CHANGED = (
    "Params have changed since last execution: "
    "Union of exclusive params before and now across all output: "
)


def record(
    message: str = "", *, at: float = 0.0, level: int = logging.INFO, **given: Any
) -> logging.LogRecord:
    made = logging.LogRecord("snakemake", level, "", 0, message, (), None)
    vars(made).update(given, created=at)
    return made


def job(number: int, rule: str, at: float = 0.0, **given: Any) -> logging.LogRecord:
    names = {"rule_name": rule, "wildcards": {}, "reason": "", "output": []} | given
    return record(event=LogEvent.JOB_INFO, jobid=number, at=at, **names)


def ended(number: int, at: float) -> logging.LogRecord:
    return record(event=LogEvent.JOB_FINISHED, job_id=number, at=at)


def begun(**jobs: int) -> Console:
    console = Console()
    stats = jobs | {"total": sum(jobs.values())}
    assert console.text(record(event=LogEvent.RUN_INFO, stats=stats)).startswith(
        f"{stats['total']} jobs: "
    )
    return console


def test_a_job_is_one_line_with_what_for_what_how_long_and_how_many():
    console = begun(train=2, plan=1)
    wildcards = {"dataset": "hopper", "seed": "0"}
    assert console.text(job(7, "train", at=10, wildcards=wildcards)) == ""
    assert console.running() == "running: train hopper seed 0"
    assert console.text(ended(7, at=135)) == "1 of 3  train hopper seed 0  2 min 5 s"
    assert console.running() == ""


def test_the_time_left_is_that_of_jobs_of_the_same_rules_side_by_side():
    console = begun(train=8, plan=2)
    for pair in range(3):  # two at a time, of ten seconds
        for number in (2 * pair, 2 * pair + 1):
            console.text(job(number, "train", at=10 * pair))
        lines = [console.text(ended(2 * pair + k, at=10 * pair + 10)) for k in (0, 1)]
    # two trainings, and two plans, of which nothing is known but the mean of all jobs
    assert lines[-1].endswith("10 s  about 20 s left")


def test_many_running_jobs_are_counted():
    console = begun(plan=40)
    for number in range(40):
        console.text(job(number, "plan", wildcards={"dataset": "hopper", "seed": str(number)}))
    assert len(console.running()) < 120
    assert console.running().endswith("(40 jobs)")


def failure(log: Path, **given: Any) -> logging.LogRecord:
    names = {"rule_name": "train", "rule_msg": "Slurm: OUT_OF_MEMORY", "aux": {"external_jobid": 4}}
    return record(event=LogEvent.JOB_ERROR, jobid=1, at=3, log=[str(log)], **names | given)


def test_a_failed_job_shows_the_end_of_its_log(tmp_path: Path):
    log = tmp_path / "train.log"
    log.write_text("".join(f"line {k}\n" for k in range(100)) + "Error: no space\n")
    console = begun(train=1)
    console.text(job(1, "train", wildcards={"dataset": "hopper"}))
    lines = console.text(failure(log)).splitlines()
    assert lines[0] == "FAILED: train hopper after 3 s"
    assert "Slurm: OUT_OF_MEMORY" in lines[1]
    assert "4" in lines[2]
    assert str(log) in lines[3]
    assert lines[-1] == "Error: no space"
    assert len(lines) == 5 + LOG_LINES
    assert "not there" in Console().text(failure(tmp_path / "none.log"))
    assert "Error: no space" not in Console(show_logs=False).text(failure(log))


def test_warnings_and_the_end_are_shown_and_routine_is_not():
    console = Console()
    assert console.text(record("Building DAG of jobs...")) == ""
    assert console.text(record("Nothing to be done.")) == "Nothing to be done."
    assert console.text(record("x" * 1000, level=logging.ERROR)) == "x" * 1000
    assert len(console.text(record("word " * 1000))) <= 160


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (7300, "2 h 1 min")],
)
def test_durations(seconds: float, words: str):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ("{'a': 1, 'b': {'c': 2}}", "{'a': 1, 'b': {'c': 3}}", ["b.c: 2 -> 3"]),
        (
            "{'bins': 20},{'dpi': 50}",
            "{'dpi': 51},{'bins': 21}",
            ["bins: 20 -> 21", "dpi: 50 -> 51"],
        ),
        (f"'{'a' * 64}'", f"'{'b' * 64}'", ["code or data have changed"]),
        (f"'{'a' * 64}',600", f"800,'{'b' * 64}'", ["code or data have changed", "600 -> 800"]),
        ("{'a': None}", "{'a': True, 'b': [0, 1]}", ["a: null -> true", "b: new ([0, 1])"]),
        ("<nothing exclusive>", "'x'", ["new (x)"]),
        ("<object at 0x7f>", "1", ["params have changed"]),
    ],
)
def test_changed_params_are_keys_with_their_values(before: str, now: str, said: list[str]):
    found = why(f"{CHANGED}before: {before} now: {now} ")
    assert sorted(found.reasons) == sorted(said)


def test_reasons_are_told_apart():
    text = (
        "Missing output files: a; "
        "Input files updated by another job: b, c (retrieve from storage); "
        f"{CHANGED}before: {{'k': 'x; y'}} now: {{'k': 'z'}} "
    )
    found = why(text)
    assert found.reasons == ("makes new files", "k: x; y -> z")
    assert found.updated == ("b", "c")
    assert why("Code has changed since last execution").reasons == (
        "code has changed since last execution",
    )


def test_a_dry_run_has_a_line_for_each_kind_of_job():
    run = DryRun(Path("full.log"))
    reason = f"{CHANGED}before: {{'k': 1}} now: {{'k': 2}} "
    for number in range(3):
        assert run.text(job(number, "plan", reason=reason, output=[f"plan{number}"])) == ""
    follows = "Input files updated by another job: plan0, plan1"
    run.text(job(4, "table", reason=follows, output=["table"]))
    lines = run.text(record("This was a dry-run (flag -n).")).splitlines()
    assert [line.split(maxsplit=2) for line in lines[2:5]] == [
        ["plan", "3", "k: 1 -> 2"],
        ["table", "1", "after plan"],
        ["total", "4"],
    ]
    assert lines[-1].endswith("full.log")
    assert run.close() == ""


def test_a_change_has_its_whole_key_where_another_job_names_it():
    run = DryRun(Path("full.log"))
    run.text(
        job(1, "config", reason=f"{CHANGED}before: {{'a': {{'b': 1}}}} now: {{'a': {{'b': 2}}}} ")
    )
    run.text(job(2, "plan", reason=f"{CHANGED}before: {{'b': 1}} now: {{'b': 2}} "))
    run.text(job(3, "collect", reason=f"{CHANGED}before: 1 now: 2 "))
    assert run.close().count("a.b: 1 -> 2") == 3


@pytest.mark.parametrize("profile", ["default", "slurm", "kubernetes"])
def test_each_profile_has_this_console(profile: str):
    settings = yaml.safe_load((ROOT / f"profiles/{profile}/config.yaml").read_text())
    assert settings["logger"] == "tto"


@pytest.mark.slow
def test_a_dry_run_is_short_and_verbose_is_snakemakes_own(tmp_path: Path):
    arguments = ("results/demo/config.yaml", "--dry-run", "--configfile", overlay(tmp_path, {}))
    short = snakemake(tmp_path, *arguments)
    assert re.search(r"^config +1 +makes new files$", short.stdout, re.MULTILINE)
    assert "rule config:" in full_text(tmp_path)
    assert "rule config:" in snakemake(tmp_path, *arguments, "--verbose").stdout


@pytest.mark.slow
def test_a_run_is_a_line_a_job(tmp_path: Path):
    run = snakemake(tmp_path, "results/demo/config.yaml", "--configfile", overlay(tmp_path, {}))
    assert run.returncode == 0, run.stdout
    lines = run.stdout.splitlines()
    assert any(re.fullmatch(r"1 of 1  config  \d+ s", line) for line in lines)
    assert len(lines) < 10
    (full,) = (tmp_path / ".snakemake/log").glob("*.snakemake.log")
    assert "rule config:" in full.read_text()
