"""`make clean` forgets no settings: later changes of other runs' configs are still noticed."""

import shutil
import subprocess
from pathlib import Path

from running import ROOT


def test_clean_keeps_what_snakemake_remembers(tmp_path: Path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    kept = ["metadata/a", "incomplete/b", "locks/0.input.lock", "metadata.db"]
    gone = ["log/c.log", "scripts/d.py", "conda/e", "iocache/f"]
    results = ["results/mine/rollouts.csv", "results/demo/rollouts.csv"]
    for name in [*(f".snakemake/{each}" for each in kept + gone), *results]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"Makefile", results[0], *(f".snakemake/{each}" for each in kept)}
    shutil.rmtree(tmp_path / ".snakemake")
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
