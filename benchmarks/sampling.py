"""Time of sampled trajectories: cached engines with a sliding context, and plain sampling.

    python benchmarks/sampling.py [--trajectories 1000] [--steps 100] [--layers 4] [--width 128]

The model has the humanoid's shape (45 observation and 17 action dimensions, 64 tokens in a
transition), random weights and a block of eight transitions (512 tokens). Plain sampling runs the
model on the whole window for each token. CPU seconds are measured for a few trajectories, while the
window fills and when it is full, and then extrapolated. Peak memory is that of a process minus that
for one trajectory.
"""

import argparse
import multiprocessing
import platform
import resource
import time

import numpy as np
import torch

from tto.analysis.sampling import MEMORY, chunk_rows, sample
from tto.model.trained import TrainedModel
from tto.model.transformer import ModelConfig
from tto.model.untrained import untrained
from tto.planning.cached import CachedEngine
from tto.planning.fastest import fastest_engine
from tto.planning.uncached import UncachedEngine

O, A, V, TRANSITIONS, PLAIN_ROWS, SLIDES = 45, 17, 100, 8, 2, 4
D = O + A + 2


def random_model(layers: int, width: int) -> TrainedModel:
    config = ModelConfig(
        observation_dim=O,
        action_dim=A,
        vocabulary=V,
        layers=layers,
        heads=width // 32,
        width=width,
        block_tokens=TRANSITIONS * D,
    )
    return untrained(config, env="tto/Humanoid-v5")


def seconds(model: TrainedModel, engine, past: int, steps: int, trajectories: int) -> float:
    """CPU seconds of sampling `steps` states after `past` transitions."""
    rng = np.random.default_rng(0)
    context = rng.integers(V, size=past * D + O)
    started = time.process_time()
    sample(model, context, steps=steps, trajectories=trajectories, rng=rng, engine=engine)
    return time.process_time() - started


def plain_seconds(model: TrainedModel, steps: int) -> float:
    """CPU seconds per trajectory, from a window that fills and one transition of a full one."""
    engine, filling = UncachedEngine(model.network), min(steps, TRANSITIONS)
    total = seconds(model, engine, 0, filling, PLAIN_ROWS)
    if steps > filling:
        total += seconds(model, engine, TRANSITIONS - 1, 1, PLAIN_ROWS) * (steps - filling)
    return total / PLAIN_ROWS


def cached_seconds(model: TrainedModel, engine, steps: int, rows: int) -> float:
    """CPU seconds per trajectory, from a window that fills and a few transitions of a full one.

    The rows of a full window no longer share a start, which the native engine would compute once.
    """
    filling = seconds(model, engine, 0, TRANSITIONS, rows)
    full = seconds(model, engine, 0, TRANSITIONS + SLIDES, rows) - filling
    return (filling + full / SLIDES * (steps - TRANSITIONS)) / rows


def peak_memory(layers: int, width: int, trajectories: int, queue) -> None:
    """Put the peak memory of this process into `queue`, in MB, minus that for one trajectory."""
    torch.set_num_threads(1)
    model = random_model(layers, width)
    engine = fastest_engine(model.network)
    seconds(model, engine, 0, TRANSITIONS + 1, 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds(model, engine, 0, TRANSITIONS + 1, trajectories)
    queue.put((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trajectories", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--rows", type=int, default=64, help="trajectories of the cached engines")
    parser.add_argument("--memory", type=int, nargs="*", default=[100, 400])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    layers, width, steps = arguments.layers, arguments.width, arguments.steps
    model = random_model(layers, width)
    print(f"{platform.machine()}, torch {torch.__version__}")
    print(f"{layers} layers of width {width}, {TRANSITIONS} transitions of {D} tokens")
    rows = chunk_rows(model.config, MEMORY)
    print(
        f"{rows} trajectories in a chunk of {MEMORY / 2**20:.0f} MB; additional peak memory in MB:"
    )
    context = multiprocessing.get_context("spawn")
    # Measured first, because a process counts its parent's size when it is started.
    for trajectories in arguments.memory:
        queue = context.Queue()
        process = context.Process(target=peak_memory, args=(layers, width, trajectories, queue))
        process.start()
        print(f"  {trajectories:6d} trajectories {queue.get():8.0f}", flush=True)
        process.join()
    plain = plain_seconds(model, steps)
    print(f"CPU seconds per trajectory of {steps} steps")
    print(f"  plain    {plain:9.2f}")
    for engine in (CachedEngine(model.network), fastest_engine(model.network)):
        cached = cached_seconds(model, engine, steps, arguments.rows)
        name = type(engine).__name__.removesuffix("Engine").lower()
        hours = cached * arguments.trajectories / 3600
        print(
            f"  {name:8s} {cached:9.2f}  ratio {plain / cached:5.1f}  all {hours:5.2f} h",
            flush=True,
        )


if __name__ == "__main__":
    main()
