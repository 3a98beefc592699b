"""The growth of a plan's cost, and the distance of each engine from the machine's limits.

    taskset -c 0 python benchmarks/planning_growth.py [--output docs/figures] [--redraw]

`planning_growth.csv`, .png and .pdf show the least CPU seconds of the repeats and the bytes of keys
and values. The model has halfcheetah's sizes, four layers, width 128 and random weights. Beam width
32, horizon 5, context 5 and one episode are varied one at a time. Episodes have different contexts.

`roofline.csv`, .png and .pdf show multiply-adds per second over multiply-adds per byte for the
plans of `planning.py`. The bytes are those that an engine without sharing must read: all weights
once in each pass, and the keys and values that each row attends to. The limits are measured with a
matrix product, and with sums over arrays in memory or in the L2 cache. The plain engine's times are
extrapolated.
"""

import argparse
import csv
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from planning import BASE, LAYERS, Setting, extrapolated, multiply_adds, passes, plan, seconds

from tto.planning.cached import CachedEngine
from tto.planning.engine import Engine
from tto.planning.native import NativeEngine
from tto.report.drawing.style import PAGE_WIDTH, SEQUENCE, paper_style, save_figure

START = Setting("halfcheetah", *BASE["halfcheetah"])
VARIED = {
    "beam": ("Beam width", (8, 16, 32, 64, 128, 256)),
    "horizon": ("Horizon (transitions)", (1, 2, 5, 10, 15, 20)),
    "context": ("Context (transitions)", (0, 1, 2, 5, 10, 20)),
    "episodes": ("Parallel episodes", (1, 2, 4, 8, 16)),
}
ENGINES = ("cached float32", "native float32", "native bfloat16")


def engine_of(name: str, setting: Setting) -> Engine:
    kind, precision = name.split()
    network = setting.network()
    if kind == "cached":
        return CachedEngine(network)
    assert precision in ("float32", "bfloat16")
    return NativeEngine(network, precision=precision, threads=1)


def kept_bytes(engine: Engine) -> int:
    """Bytes of the engine's keys and values."""
    if isinstance(engine, NativeEngine):
        return engine.counts()["page_bytes"]
    assert isinstance(engine, CachedEngine)
    contexts = [array for pair in engine.context for array in pair]
    return sum(array.numel() * array.element_size() for array in [*engine.grown, *contexts])


def growth(repeats: int) -> Iterator[dict[str, Any]]:
    """Measure a plan of each engine with each value; yield the rows."""
    for axis, (_, values) in VARIED.items():
        for value in values:
            setting = replace(START, **{axis: value})
            for name in ENGINES:
                engine = engine_of(name, setting)
                runs = 1 if name.startswith("cached") else repeats
                cpu, _ = seconds(lambda e=engine, s=setting: plan(e, s), runs)
                memory = kept_bytes(engine)
                yield {"axis": axis, "value": value, "engine": name, "s": cpu, "bytes": memory}


def draw_growth(rows: list[dict[str, Any]], paths: list[Path]) -> None:
    with paper_style():
        figure, axes = plt.subplots(2, 4, figsize=(PAGE_WIDTH, 3.6), sharex="col", sharey="row")
        for column, (axis, (label, _)) in enumerate(VARIED.items()):
            for color, marker, name in zip(SEQUENCE, "os^", ENGINES, strict=False):
                points = [r for r in rows if r["axis"] == axis and r["engine"] == name]
                x = [float(r["value"]) for r in points]
                for row, (key, unit) in enumerate((("s", 1.0), ("bytes", 2.0**20))):
                    y = [float(r[key]) / unit for r in points]
                    axes[row, column].plot(x, y, color=color, marker=marker, ms=3, label=name)
            axes[1, column].set_xlabel(label)
            if axis in ("beam", "episodes"):
                axes[1, column].set_xscale("log", base=2)
        for row, label in enumerate(("CPU time (s)", "Keys and values (MiB)")):
            axes[row, 0].set_ylabel(label)
            axes[row, 0].set_yscale("log")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        save_figure(figure, paths, dpi=150)


def rate(work: float, call: Callable[[], object]) -> float:
    """Units of work per CPU second in the fastest of 20 runs."""
    times = []
    for _ in range(20):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return work / min(times)


def roofs() -> Iterator[dict[str, Any]]:
    """Limits of one core: multiply-adds and bytes read per second."""
    a, b = torch.rand(1024, 1024), torch.rand(1024, 1024)
    low = a.bfloat16(), b.bfloat16()
    large, small = torch.rand(2**26), torch.rand(2**16)  # 256 MiB; 256 KiB
    measured = {
        "product float32": (rate(1024**3, lambda: a @ b), 0.0),
        "product bfloat16": (rate(1024**3, lambda: low[0] @ low[1]), 0.0),
        "memory": (0.0, rate(4 * large.numel(), large.sum)),
        "L2 cache": (
            0.0,
            rate(200 * 4 * small.numel(), lambda: [small.sum() for _ in range(200)]),
        ),
    }
    for name, (work, read) in measured.items():
        yield {"setting": "machine", "engine": name, "s": 1.0, "multiply_adds": work, "bytes": read}


def bytes_read(setting: Setting, size: int) -> float:
    """Bytes that a plan reads without sharing, with numbers of `size` bytes.

    All weights are read once in each pass, and keys and values once for each row.
    """
    C, total = setting.width, 0.0
    for rows, new, length in passes(setting):
        attended = length - (new - 1) / 2
        total += LAYERS * (12 * C * C + rows * new * 2 * C * attended)
    return total * size


def points(repeats: int) -> Iterator[dict[str, Any]]:
    """Measure the plans of `planning.py` with each engine; yield the rows."""
    for name, sizes in BASE.items():
        setting = Setting(name, *sizes)
        for engine_name in ("plain float32", *ENGINES):
            if engine_name.startswith("plain"):
                cpu, _ = extrapolated(setting.network(), setting)
            elif engine_name.startswith("cached") and name != "halfcheetah":
                continue  # these plans take 10 and 20 s
            else:
                engine = engine_of(engine_name, setting)
                cpu, _ = seconds(lambda e=engine, s=setting: plan(e, s), repeats)
            yield {
                "setting": name,
                "engine": engine_name,
                "s": cpu,
                "multiply_adds": multiply_adds(setting),
                "bytes": bytes_read(setting, 2 if "bfloat16" in engine_name else 4),
            }


def draw_roofline(rows: list[dict[str, Any]], paths: list[Path]) -> None:
    machine = {r["engine"]: r for r in rows if r["setting"] == "machine"}
    peaks = {
        precision: float(machine[f"product {precision}"]["multiply_adds"]) / 1e9
        for precision in ("float32", "bfloat16")
    }
    x, top = np.logspace(-0.5, 1, 50), peaks["bfloat16"]
    with paper_style():
        figure, axis = plt.subplots(figsize=(PAGE_WIDTH * 0.7, 3.0))
        for name, style in (("memory", "--"), ("L2 cache", "-")):
            slope = float(machine[name]["bytes"]) / 1e9
            line = np.where(slope * x <= top, slope * x, np.nan)
            axis.plot(x, line, style, color="#4D4D4D", label=f"read from {name}")
        for (name, peak), style in zip(peaks.items(), (":", "-."), strict=True):
            axis.axhline(peak, ls=style, color="#4D4D4D", label=f"product, {name}")
        names = ("plain float32", *ENGINES)
        for color, name in zip((SEQUENCE[6], *SEQUENCE), names, strict=False):
            for marker, setting in zip("os^", BASE, strict=True):
                for r in rows:
                    if (r["engine"], r["setting"]) != (name, setting):
                        continue
                    work = float(r["multiply_adds"])
                    at = work / float(r["bytes"]), work / float(r["s"]) / 1e9
                    label = f"{name}, {setting}"
                    axis.plot(*at, marker, color=color, ms=5, label=label)
        axis.set(xscale="log", yscale="log", xlim=(0.4, 6), ylim=(0.05, 2 * top))
        axis.set_xticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
        axis.set_xticks([], minor=True)
        axis.set_xlabel("Multiply-adds per byte (no sharing)")
        axis.set_ylabel(r"$10^9$ multiply-adds per CPU second")
        figure.legend(loc="outside right center", fontsize=7)
        save_figure(figure, paths, dpi=150)


def stored(path: Path, rows: Iterator[dict[str, Any]], *, redraw: bool) -> list[dict[str, Any]]:
    """Measure and write the rows, or with `redraw` read those of an earlier run."""
    if redraw:
        with open(path, newline="") as file:
            return list(csv.DictReader(file))
    measured = []
    for row in rows:
        measured.append(row)
        print(*row.values(), flush=True)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(measured[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(measured)
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how the cost of a plan grows.")
    parser.add_argument("--output", type=Path, default=Path("docs/figures"))
    parser.add_argument("--only", choices=("roofline", "planning_growth"))
    parser.add_argument("--redraw", action="store_true", help="draw from existing CSV files")
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.output.mkdir(parents=True, exist_ok=True)
    repeats = arguments.repeats
    for name, rows, draw in (
        ("roofline", itertools.chain(roofs(), points(repeats)), draw_roofline),
        ("planning_growth", growth(repeats), draw_growth),
    ):
        if arguments.only in (None, name):
            path = arguments.output / f"{name}.csv"
            kept = stored(path, rows, redraw=arguments.redraw)
            draw(kept, [path.with_suffix(suffix) for suffix in (".png", ".pdf")])


if __name__ == "__main__":
    main()
