"""A first run on D4RL, rehearsed without the network: seconds and memory of each stage.

    python benchmarks/d4rl_rehearsal.py [--rows 2000000] [--folder FOLDER]

It writes a file with the layout, types, compression and size of `hopper_medium_expert-v2.hdf5`,
serves it on this machine, and runs the workflow with `config/paper.yaml` on a copy of this
repository: download, conversion, statistics, tokens, dataset card, one update of the paper's model,
and an episode of a single step. The numbers in the file are random walks, which compress about as
badly as the real ones: one half has episodes that end in falls, the other one episodes that reach
the time limit, and between them an episode without an end, as where D4RL appended one file to
another.

Seconds are Snakemake's. Memory is the largest peak (VmHWM) of a stage's processes. A stage that
fails ends the rehearsal with the end of its log.
"""

import argparse
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import yaml

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))
from file_server import serve  # noqa: E402  # pyright: ignore[reportMissingImports]
from running import start  # noqa: E402  # pyright: ignore[reportMissingImports]

DATASET, FILE = "hopper-medium-expert-v2", "hopper_medium_expert-v2.hdf5"
LIMIT = 1000  # transitions of an episode
FALL = 457  # mean length of an episode that ends in a fall
BLOCK = 100_000  # rows written at once
STAGES = {  # the file that ends each, and the name of Snakemake's record of its time
    "download": (f"results/downloads/d4rl/{FILE}", "*/benchmarks/hopper_medium_expert-v2.tsv"),
    "conversion": (f"results/rehearsal/datasets/{DATASET}", f"import_dataset/{DATASET}.tsv"),
    "statistics": (f"results/rehearsal/statistics/{DATASET}.csv", f"*statistics/{DATASET}.tsv"),
    "tokens": (f"results/rehearsal/tokens/{DATASET}.h5", f"tokenize/{DATASET}.tsv"),
    "card": (f"results/rehearsal/figures/datasets/{DATASET}.png", f"dataset_card/{DATASET}.tsv"),
    "one update": (
        f"results/rehearsal/models/{DATASET}/seed0/model.safetensors",
        f"train/{DATASET}-seed0.tsv",
    ),
    "one step": (
        f"results/rehearsal/rollouts/{DATASET}/tto/seed0-rollout0.h5",
        f"plan/{DATASET}-seed0.tsv",
    ),
}


def ends(rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Flags of falls and of reached time limits; the last rows of each half have no end."""
    terminals, timeouts = np.zeros((2, rows), dtype=bool)
    half, at = rows // 2, -1
    while (at := at + min(LIMIT - 1, 1 + int(rng.exponential(FALL)))) < half - 1:
        terminals[at] = True
    timeouts[half + LIMIT - 1 :: LIMIT] = True
    return terminals, timeouts


def write_file(path: Path, rows: int, *, seed: int = 0) -> None:
    """Write the file: positions are random walks that begin anew after each end."""
    rng = np.random.default_rng(seed)
    terminals, timeouts = ends(rows, rng)
    begins = np.roll(terminals | timeouts, 1)
    begins[[0, rows // 2]] = True
    columns = {
        "actions": (3, "f4"),
        "infos/action_log_probs": (None, "f4"),
        "infos/qpos": (6, "f8"),
        "infos/qvel": (6, "f8"),
        "next_observations": (11, "f4"),
        "observations": (11, "f4"),
        "rewards": (None, "f4"),
        "terminals": (None, "?"),
        "timeouts": (None, "?"),
    }
    with h5py.File(path, "w") as file:
        data = {
            name: file.create_dataset(
                name, (rows,) if width is None else (rows, width), kind, compression="gzip"
            )
            for name, (width, kind) in columns.items()
        }
        file["metadata/algorithm"] = "SAC"
        data["terminals"][:], data["timeouts"][:] = terminals, timeouts
        state = np.zeros(12)
        for low in range(0, rows, BLOCK):
            fresh = begins[low : low + BLOCK]
            states = np.empty((len(fresh) + 1, 12))
            states[0] = state
            steps = rng.normal(scale=0.02, size=(len(fresh), 12))
            first = rng.uniform(-0.005, 0.005, size=(len(fresh), 12))
            first[:, 1] += 1.25  # height of the torso
            for i in range(len(fresh)):
                if fresh[i]:
                    states[i] = first[i]
                states[i + 1] = states[i] + steps[i]
            state = states[-1]
            here = slice(low, low + len(fresh))
            reached = states[:-1] + steps
            data["infos/qpos"][here], data["infos/qvel"][here] = np.split(states[:-1], 2, axis=1)
            data["observations"][here] = observed(states[:-1])
            data["next_observations"][here] = observed(reached)
            data["actions"][here] = rng.uniform(-1, 1, size=(len(fresh), 3))
            data["rewards"][here] = rng.normal(3, 1, size=len(fresh))
            data["infos/action_log_probs"][here] = rng.normal(size=len(fresh))


def observed(states: np.ndarray) -> np.ndarray:
    """Hopper's observations: positions but the first, and velocities."""
    return np.concatenate([states[:, 1:6], states[:, 6:].clip(-10, 10)], axis=1)


class PeakMemory(threading.Thread):
    """Watches the peaks of the processes that run the scripts of the workflow in a folder.

    Attributes:
        megabytes: the largest peak so far.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder = folder.resolve()
        self.megabytes = 0.0
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.05):
            self.megabytes = max([self.megabytes, *_peaks(self.folder)])

    def __enter__(self) -> "PeakMemory":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self.join()


def _peaks(folder: Path) -> Iterator[float]:
    """Peaks in megabytes of the processes that run a script of the workflow in a folder."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if b".snakemake/scripts/" not in (process / "cmdline").read_bytes():
                continue
            if (process / "cwd").readlink() != folder:
                continue
            found = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
        except OSError:  # it has ended
            continue
        if found:
            yield int(found[1]) / 1024


def settings(address: str) -> dict[str, object]:
    """What differs from config/paper.yaml."""
    return {
        "run": "rehearsal",
        "device": "cpu",
        "seeds": [0],
        "rollouts": 1,
        "d4rl": {"address": address, "lock": "results/downloads/lock.json"},
        "training": {"epochs": 1e-6},
        "evaluation": {"max_steps": 1},
    }


def rehearse(folder: Path, address: str) -> None:
    """Run all stages and print a line for each."""
    overlay = folder / "rehearsal.yaml"
    overlay.write_text(yaml.safe_dump(settings(address)))
    print(f"{'stage':12s} {'seconds':>8s} {'wall':>6s} {'peak MB':>8s} {'file MB':>8s}", flush=True)
    for name, (target, record) in STAGES.items():
        began = time.monotonic()
        configs = ("--configfile", "config/paper.yaml", overlay)
        with PeakMemory(folder) as peak, start(folder, target, *configs) as run:
            output, _ = run.communicate()
        if run.returncode:
            sys.exit(f"{name} failed:\n{output[-3000:]}")
        (times,) = (folder / "results").rglob(record)
        seconds = times.read_text().splitlines()[1].split()[0]
        made = folder / target
        files = [made] if made.is_file() else [path for path in made.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 1e6
        wall = time.monotonic() - began
        print(
            f"{name:12s} {float(seconds):8.1f} {wall:6.0f} {peak.megabytes:8.0f} {size:8.1f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Rehearse a first run on D4RL.")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--folder", type=Path, help="empty folder for it all (default: temporary)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "served.hdf5"
        began = time.monotonic()
        write_file(path, arguments.rows)
        size = path.stat().st_size / 1e6
        print(f"{FILE}: {arguments.rows} rows, {size:.0f} MB, {time.monotonic() - began:.0f} s")
        with serve({FILE: path.read_bytes()}) as server:
            rehearse(folder, server.address)


if __name__ == "__main__":
    main()
