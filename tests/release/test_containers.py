"""The recipes of the containers, as far as they can be checked without building them."""

import re
import shutil
import subprocess
import tomllib

import pytest
from running import ROOT

DOCKER = (ROOT / "Dockerfile").read_text()
APPTAINER = (ROOT / "apptainer.def").read_text()


def test_the_dockerfile_has_no_faults():
    hadolint = shutil.which("hadolint", path=f"{ROOT / '.venv/bin'}:/usr/bin")
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run(
        [hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def sections() -> dict[str, str]:
    parts = re.split(r"^%(\w+)\n", APPTAINER, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_apptainer_recipe_has_a_header_and_known_sections():
    header = dict(line.split(": ") for line in APPTAINER.split("%")[0].splitlines() if line)
    assert header == {"Bootstrap": "docker", "From": "python:3.11-slim-bookworm"}
    assert set(sections()) == {"help", "files", "post", "runscript"}
    done = subprocess.run(["sh", "-n"], input=sections()["post"], text=True, check=False)
    assert done.returncode == 0


def test_both_recipes_make_the_same():
    (base,) = re.findall(r"^FROM (\S+)$", DOCKER, re.MULTILINE)
    assert f"From: {base}\n" in APPTAINER
    for pattern in (r"apt-get install .*?(g\+\+.*?)\s*(?:\\|\n)", r"pip install (.*)\n"):
        (one,), (other,) = (re.findall(pattern, text) for text in (DOCKER, APPTAINER))
        assert one == other


def test_what_they_copy_and_install_is_there():
    copied = [line.split()[1:-1] for line in DOCKER.splitlines() if line.startswith("COPY")]
    names = [name for words in copied for name in words]
    assert [line.split()[0] for line in sections()["files"].strip().splitlines()] == names
    kept = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert set(names) == kept
    assert all((ROOT / name).exists() for name in names)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (extras,) = set(re.findall(r"'\.\[(.*)\]'", DOCKER))
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
