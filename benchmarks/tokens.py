"""Tokenisation: tokens per CPU second, also relative to `numpy.digitize`, and peak memory.

    python benchmarks/tokens.py

This writes a dataset of 1 M transitions (hopper's shape, episodes of 1000) to a temporary folder.
It then tokenises the file once and ten times over, each in its own process, so that the peak memory
is that of the tokenisation alone. The encoder is compared with one call of `numpy.digitize` for
each dimension on the same block in memory.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tto.data.episodes import Episode, EpisodeDataset, open_dataset, write_dataset
from tto.tokens.discretizer import Kind, fit
from tto.tokens.tokenize import tokenize_dataset

O, A, LENGTH = 11, 3, 1000


def random_episodes(count: int) -> Iterator[Episode]:
    """Episodes of hopper's shape with normal observations and uniform actions."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield Episode(
            observations=rng.normal(size=(LENGTH + 1, O)).astype(np.float32),
            actions=rng.uniform(-1, 1, size=(LENGTH, A)).astype(np.float32),
            rewards=rng.normal(size=LENGTH).astype(np.float32),
            terminated=False,
            truncated=True,
        )


@dataclass(frozen=True)
class Repeated(EpisodeDataset):
    """A dataset that is read `times` times, as if it were that much larger."""

    times: int = 1

    def __iter__(self) -> Iterator[Episode]:
        for _ in range(self.times):
            yield from self.once()

    def once(self) -> Iterator[Episode]:
        return open_dataset(self.path).__iter__()


def measure(path: Path, times: int, kind: Kind) -> dict[str, float]:
    """CPU seconds and peak memory (MB) of tokenising the dataset at `path` `times` times."""
    once = open_dataset(path)
    dataset = Repeated(
        **{name: getattr(once, name) for name in EpisodeDataset.__dataclass_fields__}, times=times
    )
    started = time.process_time()
    tokenize_dataset(
        dataset, path.parent / "tokens.h5", name="b-v0", discretizer=kind, bins=100, discount=0.99
    )
    seconds = time.process_time() - started
    tokens = times * once.total_transitions * (O + A + 2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "tokens_per_second": tokens / seconds, "peak_mb": peak}


def encoder_ratio() -> tuple[float, float]:
    """Tokens per CPU second of the uniform encoder and of `numpy.digitize`, on one block."""
    rows = np.random.default_rng(0).normal(size=(8192, O + A + 2))
    discretizer = fit([rows], kind="uniform", bins=100)

    def digitize() -> np.ndarray:
        columns = [np.digitize(rows[:, i], e) - 1 for i, e in enumerate(discretizer.edges)]
        return np.stack(columns, axis=1)

    assert (discretizer.encode(rows) == digitize()).all()
    rates = []
    for encode in (lambda: discretizer.encode(rows), digitize):
        started = time.process_time()
        for _ in range(50):
            encode()
        rates.append(50 * rows.size / (time.process_time() - started))
    return rates[0], rates[1]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time tokenisation.")
    parser.add_argument("--measure", nargs=3, metavar=("PATH", "TIMES", "KIND"))
    arguments = parser.parse_args()
    if arguments.measure:
        path, times, name = arguments.measure
        kind: Kind = "quantile" if name == "quantile" else "uniform"
        print(json.dumps(measure(Path(path), int(times), kind)))
        return
    print(f"{platform.processor() or platform.machine()}, numpy {np.__version__}")
    fast, plain = encoder_ratio()
    print(
        f"encoder alone: {fast / 1e6:.0f} M tokens/s; numpy.digitize {plain / 1e6:.1f} M;", end=" "
    )
    print(f"ratio {fast / plain:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "b-v0"
        write_dataset(
            path, random_episodes(1000), env_id="Hopper-v5", algorithm="none", description="random"
        )
        print("from file to file:   transitions   M tokens/s   peak MB")
        for name in ("uniform", "quantile"):
            for times in (1, 10):
                command = [sys.executable, __file__, "--measure", str(path), str(times), name]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                row = json.loads(done.stdout)
                rate = row["tokens_per_second"] / 1e6
                print(f"  {name:17s} {times:9d} M {rate:12.1f} {row['peak_mb']:9.0f}")


if __name__ == "__main__":
    main()
