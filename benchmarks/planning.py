"""Time of one plan by each engine, measured in one process.

    python benchmarks/planning.py [--settings hopper ...] [--threads 1 2] [--repeats 3]

The models have random weights and four layers; plans have a context of five transitions and an
expansion of two. The times are the least CPU and wall seconds of the repeats.

The plain engine would take minutes to hours. Its time is extrapolated to all passes of the search
(`passes`) from forward passes of eight rows at three lengths. So is that of the port in
transformers 4.35.2, if it can be imported.

The last column is a lower bound: the multiply-adds of a plan in which each distinct token is
computed once, divided by the rate of this core in products of these sizes (`--peak`, in 1e9
multiply-adds per second; 58 in float32 and 117 in bfloat16 on the measured machine).
"""

import argparse
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from port import Port, port_is_here

from tto.model.native_build import best_target
from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.planning.cached import CachedEngine
from tto.planning.engine import Engine
from tto.planning.native import NativeEngine
from tto.planning.search import Window, transition_search
from tto.planning.settings import SearchConfig

CONTEXT, EXPANSION, LAYERS, VOCABULARY = 5, 2, 4, 100


@dataclass(frozen=True)
class Setting:
    """Sizes of the environment, the search and the model of a plan."""

    name: str
    observation_dim: int
    action_dim: int
    beam: int
    horizon: int
    width: int = 128
    heads: int = 4
    output: str = "per_dimension"
    window: int | None = None  # transitions; None takes context and horizon together
    context: int = CONTEXT
    episodes: int = 1

    @property
    def D(self) -> int:
        return self.observation_dim + self.action_dim + 2

    @property
    def transitions(self) -> int:
        return self.window or self.context + self.horizon

    def network(self) -> TrajectoryTransformer:
        config = ModelConfig(
            observation_dim=self.observation_dim,
            action_dim=self.action_dim,
            vocabulary=VOCABULARY,
            layers=LAYERS,
            heads=self.heads,
            width=self.width,
            output=self.output,  # type: ignore[arg-type]
            block_tokens=self.transitions * self.D,
        )
        return TrajectoryTransformer(config, generator=torch.Generator().manual_seed(0))


BASE = {"halfcheetah": (17, 6, 32, 5), "hopper": (11, 3, 128, 15), "walker2d": (17, 6, 128, 15)}
SETTINGS = [Setting(name, *sizes) for name, sizes in BASE.items()]
SETTINGS += [Setting(f"{n}, window 10", *BASE[n], window=10) for n in ("hopper", "walker2d")]
SETTINGS += [
    Setting(f"{name}, width 192", *sizes, width=192, heads=6, output="shared")
    for name, sizes in BASE.items()
]


def passes(setting: Setting) -> Iterator[tuple[int, int, int]]:
    """Rows, new tokens of each row, and length of each forward pass of a search."""
    D, O, B = setting.D, setting.observation_dim, setting.beam
    length = setting.context * D + O
    yield 1, length, length
    for t in range(setting.horizon):
        for _ in range(O if t else 0):
            length += 1
            yield B, 1, length
        for _ in range(D - O - 1):
            length += 1
            yield B * EXPANSION, 1, length
        if t + 1 < setting.horizon:
            length += 1
            if length == setting.transitions * D:  # the window slides
                length -= D
                yield B, length, length
            else:
                yield B, 1, length


def multiply_adds(setting: Setting) -> float:
    """Multiply-adds of a plan, without computing tokens again when the window slides."""
    C, total = setting.width, 0.0
    for rows, new, length in passes(setting):
        new = 1 if rows > 1 else new
        attended = length - (new - 1) / 2
        total += rows * new * LAYERS * (12 * C * C + 2 * C * attended) + rows * VOCABULARY * C
    return total


def seconds(call: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Least CPU and wall seconds of a call."""
    cpu, wall = [], []
    for _ in range(repeats):
        started = time.process_time(), time.perf_counter()
        call()
        cpu.append(time.process_time() - started[0])
        wall.append(time.perf_counter() - started[1])
    return min(cpu), min(wall)


def plan(engine: Engine, setting: Setting, *, device: str = "cpu") -> None:
    """Make one plan from random contexts."""
    D, O, H = setting.D, setting.observation_dim, setting.horizon
    search = SearchConfig(beam_width=setting.beam, horizon=H, expansion=EXPANSION)
    generator = torch.Generator().manual_seed(0)
    B = setting.episodes
    contexts = torch.randint(VOCABULARY, (B, setting.context * D + O), generator=generator)
    uniforms = torch.rand(B, H, D, setting.beam * EXPANSION, generator=generator)
    transition_search(
        engine,
        contexts.to(device),
        config=search,
        by_return=True,
        observation_dim=O,
        centers=torch.linspace(-1, 1, VOCABULARY, device=device).expand(D, -1),
        discount=0.99,
        to_go_includes_reward=True,
        window=Window(D, setting.transitions),
        uniforms=uniforms.to(device),
    )


@torch.inference_mode()
def extrapolated(network: torch.nn.Module, setting: Setting) -> tuple[float, float]:
    """Extrapolated CPU and wall seconds of an engine that computes whole rows for each token."""
    longest = setting.transitions * setting.D
    lengths = [longest // 3, longest * 2 // 3, longest]
    samples = [torch.zeros(8, length, dtype=torch.long) for length in lengths]
    measured = np.array([seconds(lambda x=x: network(x), 2) for x in samples]) / 8
    totals = np.zeros(2)
    for rows, _, length in passes(setting):
        totals += rows * np.array([np.interp(length, lengths, column) for column in measured.T])
    return float(totals[0]), float(totals[1])


def main() -> None:
    parser = argparse.ArgumentParser(description="Time one plan.")
    parser.add_argument("--settings", nargs="*", default=[setting.name for setting in SETTINGS])
    parser.add_argument("--threads", nargs="*", type=int, default=[1])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peak", type=float, default=117.0)
    parser.add_argument("--skip-cached", action="store_true")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, torch {torch.__version__}, native target {best_target()}")
    columns = ("port*", "plain*", "cached", "native", "native bf16")
    print("CPU / wall s" + " " * 19 + "threads" + "".join(f"{c:>19s}" for c in columns) + "  floor")
    for setting in (setting for setting in SETTINGS if setting.name in arguments.settings):
        network = setting.network()
        floor = multiply_adds(setting) / arguments.peak / 1e9
        for threads in arguments.threads:
            torch.set_num_threads(threads)
            nothing = float("nan"), float("nan")
            port = Port(network.config).eval() if port_is_here() else None
            cells = [extrapolated(port, setting) if port else nothing]
            cells.append(extrapolated(network, setting))
            if arguments.skip_cached:
                cells.append(nothing)
            else:
                cached = CachedEngine(network)
                cells.append(seconds(lambda engine=cached, s=setting: plan(engine, s), 1))
            for precision in ("float32", "bfloat16"):
                engine = NativeEngine(network, precision=precision, threads=threads)
                plan(engine, setting)  # the first plan allocates memory and is not timed
                cells.append(
                    seconds(lambda engine=engine, s=setting: plan(engine, s), arguments.repeats)
                )
            row = "".join(f"{cpu:10.3f}/{wall:8.3f}" for cpu, wall in cells)
            print(f"{setting.name:30s} {threads:7d}{row} {floor:6.3f}", flush=True)


if __name__ == "__main__":
    main()
