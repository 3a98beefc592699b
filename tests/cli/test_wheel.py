"""The wheel works in another environment, outside of the repository."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from running import ROOT
from tiny_models import save_model

PACKAGES = sysconfig.get_path("purelib")  # of this environment, without the repository's own


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder `bin` of an environment that the wheel is in, beside the packages of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # where the build leaves its files
    shutil.copytree(ROOT / "lib", source / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, source)
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder]
    subprocess.run([*wheel, source], check=True)
    environment = folder / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    (site,) = environment.glob("lib/python*/site-packages")
    (built,) = folder.glob("tto-*.whl")
    install = [sys.executable, "-m", "pip", "--python", str(environment / "bin/python"), "install"]
    subprocess.run([*install, "--quiet", "--no-deps", str(built)], check=True)
    (site / "packages.pth").write_text(f"{PACKAGES}\n")  # after tto itself
    return environment / "bin"


def run(folder: Path, *words: str | Path) -> str:
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, words)),
        cwd=folder,
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.slow
def test_the_command_and_the_library_work_outside_of_the_repository(
    installed: Path, tmp_path: Path
):
    assert "inspect" in run(tmp_path, installed / "tto", "--help")
    save_model(tmp_path / "model")
    assert "tto/FourRooms-v0" in run(tmp_path, installed / "tto", "inspect", "model")
    code = (
        "import tto, numpy as np\n"
        f"assert not tto.__file__.startswith({str(ROOT)!r}), tto.__file__\n"
        "controller = tto.Controller(tto.load('model'), beam_width=4, horizon=1, context=1)\n"
        "controller.reset()\n"
        "print(controller.act(np.zeros(2)).shape)\n"
        "from tto.report.numbers.published import read_published\n"
        "assert read_published()\n"
        "import snakemake_logger_plugin_tto\n"
    )
    assert "(2,)" in run(tmp_path, installed / "python", "-c", code)


@pytest.mark.slow
def test_the_wheel_has_its_data_files(installed: Path):
    (site,) = installed.parent.glob("lib/python*/site-packages")
    there = {path.relative_to(site) for path in (site / "tto").rglob("*") if path.is_file()}
    ours = {
        path.relative_to(ROOT / "lib")
        for path in (ROOT / "lib/tto").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert ours <= there
