"""One page about a GPU: tests, times of plans, tokens a second, memory, and what the paper costs.

    make gpu          # on a machine with a GPU; at most eight minutes, without the network
    make gpu DRY=1    # all but the tests, in small sizes on the processor, to see that it works

The page is printed and written to docs/benchmarks/gpu-<name of the GPU>.md. A part that fails
leaves its error on the page; the others go on, and the exit status is 1.

Plans are those of `benchmarks/planning.py`: random weights, a context of five transitions, and the
official settings. The paper's own settings are planned for three episodes at once, as the workflow
does. Trainings are updates of the paper's model and batch (`config/paper.yaml`) on random tokens of
hopper's shape. The first plan or update, in which graphs are captured or code is compiled, is timed
by itself; of the others, the median counts.
"""

import argparse
import functools
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from planning import BASE, VOCABULARY, Setting, plan
from scaling import cost, merged
from training import A, O, random_tokens

from tto.model.transformer import ModelConfig
from tto.planning.cached import CachedEngine
from tto.planning.static import StaticEngine
from tto.planning.uncached import UncachedEngine
from tto.training.config import training_config
from tto.training.distributed import ProcessGroup
from tto.training.state import TrainingState

ROOT = Path(__file__).parents[1]
MINUTES = 6.5  # nothing is begun later
TEST_SECONDS = 150  # within these minutes
REPEATS = 10
LONG = 5.0  # seconds of repeats, after which there are no more
ENGINES: dict[str, Callable[..., Any]] = {
    "plain": UncachedEngine,
    "cached": CachedEngine,
    "static, float32": StaticEngine,
    "static, bfloat16": functools.partial(StaticEngine, precision="bfloat16"),
}
# Takes minutes to compile, so it makes plans of one setting
COMPILED = "static, bfloat16, compiled"
ENGINES_OF_ONE = {COMPILED: functools.partial(ENGINES["static, bfloat16"], compiled=True)}
GOALS = {"halfcheetah": 8, "hopper": 20}  # milliseconds of a plan of the static engine
TRAININGS = (("float32", False), ("bfloat16", False), ("bfloat16", True))  # precision, compiled
GOAL = 853_000  # tokens a second
NOT_OF_TRAINING = ("processes", "threads", "overrides")  # keys of the config's section


@dataclass(frozen=True)
class Sizes:
    """What is measured.

    Attributes:
        plans: settings of the plans that all engines make.
        paper: the paper's settings, for hopper and for the other robots.
        model, training: changes of these sections of config/paper.yaml.
    """

    plans: list[Setting]
    paper: list[Setting]
    model: dict[str, Any]
    training: dict[str, Any]


def full_sizes() -> Sizes:
    paper = []
    for name in ("hopper", "walker2d"):
        observation_dim, action_dim, *_ = BASE[name]
        sizes = {"width": 192, "heads": 6, "output": "shared", "episodes": 3}
        window = 512 // (observation_dim + action_dim + 2)
        paper.append(
            Setting(name, observation_dim, action_dim, 256, 10, window=window, **sizes)  # type: ignore[arg-type]
        )
    return Sizes([Setting(name, *sizes) for name, sizes in BASE.items()], paper, {}, {})


def dry_sizes() -> Sizes:
    small = Setting("dry", 2, 1, beam=4, horizon=2, width=8, heads=2, context=2)
    model = {"layers": 1, "heads": 2, "width": 8, "block_tokens": 32}
    return Sizes([small], [small, small], model, {"batch_size": 2})


@dataclass(frozen=True)
class Times:
    """Seconds of the first call and of a later one (median), and the most memory they took."""

    first: float
    later: float
    memory: str  # GiB


class Page:
    """The lines of the page, and the parts that failed."""

    def __init__(self, device: str, repeats: int) -> None:
        self.device, self.repeats = device, repeats
        self.lines: list[str] = []
        self.failures: list[str] = []
        self.end = time.monotonic() + 60 * MINUTES

    def add(self, *lines: str) -> None:
        """Print lines and keep them."""
        self.lines += lines
        print("\n".join(lines), flush=True)

    def times(self, name: str, prepare: Callable[[], Callable[[], object]]) -> Times | str:
        """Times of what `prepare` returns, or words that say why there are none."""
        if time.monotonic() > self.end:
            return "no time left"
        on_cuda = self.device == "cuda"
        try:
            if on_cuda:
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            call, seconds = prepare(), []
            for _ in range(1 + self.repeats):
                start = time.perf_counter()
                call()
                if on_cuda:
                    torch.cuda.synchronize()
                seconds.append(time.perf_counter() - start)
                if sum(seconds[1:]) > LONG:
                    break
        except Exception as error:  # whatever a GPU's software may raise: the others go on
            self.failures.append(f"{name}: {type(error).__name__}: {error}")
            return "failed"
        memory = f"{torch.cuda.max_memory_allocated() / 2**30:.2f}" if on_cuda else ""
        return Times(seconds[0], statistics.median(seconds[1:]), memory)


def head(page: Page) -> None:
    """Name the machine and the software."""
    if page.device == "cuda":
        found = torch.cuda.get_device_properties(0)
        gpu = f"{found.name}, {found.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"
    else:
        gpu = "no GPU: a dry run on the processor, whose numbers mean nothing"
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
        check=False,
        capture_output=True,
        text=True,
    ).stdout.strip()
    page.add(f"# {gpu}", "", "`make gpu` wrote this page (`benchmarks/gpu.py`).", "")
    page.add(f"- torch {torch.__version__}, Python {platform.python_version()}, commit {commit}")


def tests(page: Page) -> None:
    """Run the tests that need a GPU."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider"]
    command += ["tests/planning", "tests/training", "tests/model"]
    try:
        run = subprocess.run(
            command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=TEST_SECONDS
        )
    except subprocess.TimeoutExpired:
        page.failures.append(f"tests: not finished after {TEST_SECONDS} s")
        return
    lines = run.stdout.strip().splitlines()
    page.add(f"- tests marked `gpu`: {lines[-1] if lines else 'no output'}")
    if run.returncode:
        failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
        page.failures += failed or [f"tests: exit status {run.returncode}"]


def plan_times(page: Page, name: str, setting: Setting, engine: str) -> Times | str:
    def prepare() -> Callable[[], object]:
        made = (ENGINES | ENGINES_OF_ONE)[engine](setting.network().to(page.device).eval())
        return lambda: plan(made, setting, device=page.device)

    return page.times(f"plan, {name}, {engine}", prepare)


def plans(page: Page, sizes: Sizes) -> tuple[float, float] | None:
    """Time plans by all engines; return seconds of one of the paper's, a single episode's share."""
    page.add("", "## A plan", "")
    page.add("| setting | engine | ms | first plan, ms | memory, GiB | goal, ms |")
    page.add("|---|---|---:|---:|---:|---:|")

    def row(name: str, setting: Setting, engine: str, goal: object = "") -> Times | str:
        times = plan_times(page, name, setting, engine)
        cells = (
            f"{times} | | |"
            if isinstance(times, str)
            else f"{1e3 * times.later:.1f} | {1e3 * times.first:.0f} | {times.memory} |"
        )
        page.add(f"| {name} | {engine} | {cells} {goal} |")
        return times

    for setting in sizes.plans:
        name = f"{setting.name} ({setting.beam}, {setting.horizon})"
        for engine in reversed(ENGINES):  # the fastest first, while there is time
            static = engine.startswith("static")
            row(name, setting, engine, GOALS.get(setting.name, "") if static else "")
    shares = []
    for setting in sizes.paper:
        name = f"the paper's {setting.name} ({setting.beam}, {setting.horizon}), "
        name += f"{setting.episodes} episodes at once"
        for engine in ("static, bfloat16", "static, float32"):
            times = row(name, setting, engine)
        # config/paper.yaml plans in float32
        shares.append(times.later / setting.episodes if isinstance(times, Times) else None)
    one = sizes.plans[min(1, len(sizes.plans) - 1)]
    row(f"{one.name} ({one.beam}, {one.horizon})", one, COMPILED, GOALS.get(one.name, ""))
    hopper, others = shares
    return None if hopper is None or others is None else (hopper, others)


def trainings(page: Page, sizes: Sizes) -> float | None:
    """Time updates of the paper's model; return tokens a second of the fastest training."""
    paper, file, rates = merged("paper"), random_tokens(), []
    config = ModelConfig(
        observation_dim=O, action_dim=A, vocabulary=VOCABULARY, **(paper["model"] | sizes.model)
    )
    settings = paper["training"] | sizes.training
    known = {key: settings[key] for key in settings if key not in NOT_OF_TRAINING}
    page.add("", "## Training", "")
    page.add(f"The paper's model, batches of {known['batch_size']} windows of hopper's tokens.", "")
    page.add("| precision | compiled | tokens/s | ms an update | first update, s | memory, GiB |")
    page.add("|---|---|---:|---:|---:|---:|")
    for precision, compiled in TRAININGS:
        changes = {"precision": precision, "compile": compiled, "evaluate_every": 10**9}
        training = training_config(known | changes)

        def prepare(training: Any = training) -> Callable[[], object]:
            return TrainingState(
                file,
                config,
                training,
                seed=0,
                device=torch.device(page.device),
                group=ProcessGroup(),
            ).advance

        times = page.times(f"training, {precision}, compiled: {compiled}", prepare)
        begin = f"| {precision} | {'yes' if compiled else 'no'} |"
        if isinstance(times, str):
            page.add(f"{begin} {times} | | | |")
            continue
        rates.append(training.batch_size * config.block_size / times.later)
        page.add(
            f"{begin} {rates[-1]:,.0f} | {1e3 * times.later:.1f} | {times.first:.1f} | "
            f"{times.memory} |"
        )
    page.add("", f"The goal is {GOAL:,} tokens/s (docs/scaling.md).")
    return max(rates, default=None)


def name_of_device(device: str) -> str:
    name = torch.cuda.get_device_name() if device == "cuda" else "dry"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a GPU.")
    parser.add_argument("--dry", action="store_true", help="small sizes on the processor, no tests")
    parser.add_argument("--output", type=Path, help="folder of the page (default: docs/benchmarks)")
    arguments = parser.parse_args()
    if not arguments.dry and not torch.cuda.is_available():
        sys.exit("Error: expected a CUDA device, found none; `make gpu DRY=1` runs without one")
    if arguments.dry:
        torch.compile = functools.partial(torch.compile, backend="aot_eager")  # within seconds
        torch.set_num_threads(1)
        page, sizes = Page("cpu", repeats=1), dry_sizes()
    else:
        page, sizes = Page("cuda", REPEATS), full_sizes()
    head(page)
    if not arguments.dry:
        tests(page)
    training = trainings(page, sizes)
    planning = plans(page, sizes)
    page.add("", "## The whole paper", "")
    if training and planning:
        lines = cost("paper", training=training, plans=planning, workers=[1, 8, 45])
        page.add(*(f"    {line}" for line in lines))
    else:
        page.add("It does not follow: a part is missing above.")
    if page.failures:
        page.add("", "## Failures", "")
        page.add(*(f"- {' '.join(failure.split())[:500]}" for failure in page.failures))
    folder = arguments.output or (None if arguments.dry else ROOT / "docs/benchmarks")
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"gpu-{name_of_device(page.device)}.md"
        path.write_text("\n".join(page.lines) + "\n", encoding="utf-8")
        print(f"\nwritten to {path}")
    sys.exit(1 if page.failures else 0)


if __name__ == "__main__":
    main()
