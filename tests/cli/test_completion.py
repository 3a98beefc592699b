"""Shell completion of `tto`: its script is installed and completes words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = "from tto.cli.app import main; main()"


def tto(home: Path, *arguments: str, **variables: str) -> str:
    """The output of `tto ARGUMENTS`; shell detection is off, since tests do not run in a shell."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv[0] = 'tto'; {CODE}", *arguments],
        env=os.environ
        | {"HOME": str(home), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
        | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_completion_is_installed_for_bash(tmp_path: Path):
    (tmp_path / ".bashrc").write_text("# mine\n")
    tto(tmp_path, "--install-completion", "bash")
    (script,) = tmp_path.glob(".bash_completions/*.sh")
    assert "complete " in script.read_text()
    lines = (tmp_path / ".bashrc").read_text()
    assert lines.startswith("# mine\n")
    assert str(script) in lines


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("tto in", ["inspect"]),
        ("tto play --bea", ["--beam-width"]),
        ("tto export --layout t", ["transformers", "tto"]),
    ],
)
def test_words_are_completed(tmp_path: Path, typed: str, expected: list[str]):
    shell = {
        "_TTO_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    assert tto(tmp_path, **shell).split() == expected
