"""All commands and Python of the docs are run at tiny size, or at least understood.

`world` is a folder in which the paths of the docs exist, around the models of the tiny run. What
Snakemake does with its commands is in test_docs_runs.py.
"""

import argparse
import itertools
import re
import runpy
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from doc_blocks import PAGES, Block, Command, all_blocks, commands, write_files
from foreign_checkpoints import write_official
from running import HOPPER, ROOT
from snakemake.cli import get_argument_parser
from typer.main import get_command

import tto
from tto.cli.app import app, main
from tto.errors import TTOError
from tto.evaluation.headless import working_renderer
from tto.exchange.port import to_port
from tto.model.transformer import ModelConfig, TrajectoryTransformer

# What is not run here, by its first words, and why.
NOT_RUN = {
    "tar": "moving results: test_incremental.py does it, with Python's tarfile",
    "tto --install-completion": "changes the shell's files: tests/cli/test_completion.py runs it",
    "python record_minari.py": "needs jax; tests/cli/test_new.py has Minari's datasets",
    "tto new mydata.hdf5": "a file of the reader's; the tutorial's is taken",
    "tto new pendulum-v0": "what record_minari.py writes",
    "tto play results/glide": "an environment of one's own: test_docs_runs.py runs it",
    "tto watch": "opens a server: tests/cli/test_watch.py",
    "tto play hopper": "tests/cli/test_shipped.py",
    "torchrun": "needs several machines; tests/training trains with several processes",
}


def not_run(*words: str) -> bool:
    """Whether a command is one of `NOT_RUN`."""
    return any(" ".join(words).startswith(known) for known in NOT_RUN)


@pytest.fixture(scope="module")
def world(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    tiny, mine = finished / "results/tiny", folder / "results/pendulum"
    for name in ("datasets", "tokens", "models"):
        (mine / name).mkdir(parents=True)
    links = {
        "results/demo": tiny,
        "results/pendulum/config.yaml": tiny / "config.yaml",
        "results/pendulum/tables/returns.md": tiny / "tables/table1.md",
        "results/pendulum/datasets/pendulum": tiny / "datasets" / HOPPER,
        "results/pendulum/tokens/pendulum.h5": tiny / f"tokens/{HOPPER}.h5",
        "results/pendulum/models/pendulum": tiny / "models" / HOPPER,
        "results/paper/datasets/hopper-medium-v2": tiny / "datasets" / HOPPER,
        "examples": ROOT / "examples",
        "config": ROOT / "config",
        "resources": ROOT / "resources",
    }
    for name, target in links.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(target)
    official = ModelConfig(11, 3, 9, layers=1, heads=2, width=8, max_transitions=3)
    official = ModelConfig(
        **vars(official) | {"output": "per_dimension", "attend_values": False, "stop_token": True}
    )
    state = to_port(TrajectoryTransformer(official, generator=torch.Generator().manual_seed(0)))
    write_official(folder / "logs/hopper-medium-v2/gpt/azure", state, official)
    write_files(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page(page: Path, world: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(world)
    for command in commands(page):
        if not not_run(*command.words):
            assert command.program in CHECKS, f"{command}: how is it tested? see CHECKS and NOT_RUN"
            CHECKS[command.program](command)


def run(command: Command, *words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def has_placeholder(command: Command) -> bool:
    return any(re.fullmatch(r"[A-Z]+(\.h5)?", word) for word in command.words)


def check_tto(command: Command) -> None:
    """Run it, in episodes of three steps; what has a placeholder need only be a command."""
    program, name, *options = command.words
    known = get_command(app).commands  # type: ignore[attr-defined]
    if has_placeholder(command) or not options:
        assert name in {*known, "COMMAND"}, command
        return
    if name in ("play", "evaluate"):
        options += ["--max-steps", "3"]
    if name == "play" and "--video" not in options:
        options += ["--no-video"]
    if "--video" in options:  # in a process of its own, that has not imported MuJoCo yet
        try:
            working_renderer()
        except TTOError as error:
            pytest.skip(str(error))
        code = "import tto.cli.app; tto.cli.app.main()"
        run(command, sys.executable, "-c", code, name, *options)
        assert Path(options[options.index("--video") + 1]).stat().st_size > 0
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [program, name, *options])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 0, f"{command}: {ended.value.code}"


def check_python(command: Command) -> None:
    """Run scripts and examples; of benchmarks, which take minutes, check the options."""
    script, *options = command.words[1:]
    if script.startswith("benchmarks/"):
        check_options(command, ROOT / script, options)
    elif script == "examples/look_at_the_beam.py":
        run(command, sys.executable, script, *options, "2")  # steps before the plan
    else:
        run(command, sys.executable, script, *options)


class Understood(Exception):
    """The options of a script were parsed."""


def check_options(command: Command, script: Path, options: list[str]) -> None:
    parse = argparse.ArgumentParser.parse_args

    def parse_alone(parser: argparse.ArgumentParser) -> None:
        parse(parser, [word.replace("MODEL", "model") for word in options])
        raise Understood

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # transformers of 2023
        patch.setattr(argparse.ArgumentParser, "parse_args", parse_alone)
        patch.syspath_prepend(script.parent)
        try:
            with pytest.raises(Understood):
                runpy.run_path(str(script), run_name="__main__")
        except SystemExit as error:
            pytest.fail(f"{command}: {error}")


def check_make(command: Command) -> None:
    for target in command.words[1:]:
        run(command, "make", "--dry-run", "--directory", str(ROOT), target)


def check_pytest(command: Command) -> None:
    for path in command.words[1:]:
        assert (ROOT / path).exists(), command


def check_snakemake(command: Command) -> None:
    """Its options; test_docs_runs.py does the rest."""
    try:
        get_argument_parser().parse_args(list(command.words[1:]))
    except SystemExit:
        pytest.fail(f"{command}: no such options")


def check_pip(command: Command) -> None:
    """Its extras and files are there; it is not installed again."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extras in re.findall(r"\[(.*)\]", str(command)):
        assert set(extras.split(",")) <= set(known["optional-dependencies"]), command
    for before, after in itertools.pairwise(command.words):
        assert before != "--constraint" or (ROOT / after).exists(), command


def check_container(command: Command) -> None:
    """What it runs inside is a command of the docs; the recipes are in tests/release."""
    inside = [i for i, word in enumerate(command.words) if word in ("snakemake", "tto")]
    if command.words[1] in ("run", "exec"):
        words = command.words[inside[-1] :]
        CHECKS[words[0]](Command(command.place, words))


CHECKS = {
    ".": lambda command: None,  # activates .venv, which make setup makes
    "apptainer": check_container,
    "conda": lambda command: None,  # tests/workflow/test_config.py compares environment.yml
    "docker": check_container,
    "pip": check_pip,
    "cat": lambda command: run(command, *command.words),
    "make": check_make,
    "pytest": check_pytest,
    "python": check_python,
    "snakemake": check_snakemake,
    "tto": check_tto,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "block",
    [block for block in all_blocks("python") if not block.name],
    ids=lambda block: block.place,
)
def test_python_runs(block: Block, world: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(world)
    rng = np.random.default_rng(0)
    names = {
        "np": np,
        "model": tto.load(f"results/demo/models/{HOPPER}/seed0"),
        "tokens": rng.integers(20, size=(2, 16)),
        "context": rng.integers(20, size=16 + 11),  # a transition and an observation
        "observations": rng.normal(size=(3, 11)),
        "actions": rng.uniform(-1, 1, size=(3, 3)),
        "rewards": np.ones(3),
        "rewards_to_go": np.ones(3),
        "observation": rng.normal(size=11),
        "reward": 1.0,
    }
    exec(compile(block.small(), block.place, "exec"), names)
