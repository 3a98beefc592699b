"""Figure 2 of the paper: log-likelihood of held-out states against the prediction horizon.

Thin lines are not in the paper: models with the other source of actions, and the training data's
own marginal, below which a prediction is useless. A second figure shows the same curves for
variants of the Transformer, to measure the gain by discretisation, and the calibration of all
models. Lines are means over training seeds of each seed's mean over episodes; bands span the seeds.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from tto.analysis.likelihood import LEVEL
from tto.analysis.log_likelihoods import MARGINAL, STATES, select
from tto.data.environments import robot_of
from tto.errors import TTOError
from tto.files import StrPath
from tto.report.drawing.style import (
    LOOKS,
    PAGE_WIDTH,
    Look,
    draw_legend,
    look_of,
    paper_style,
    save_figure,
)
from tto.report.numbers.names import STATE_TITLES, label_of, rank_of

_PAPERS_ROBOT = "humanoid"
PAPER = ("transformer", "markovian", "ensemble_ts_inf")
# Thin lines beside the paper's: the other source of actions, and a guess
EXTRA = (
    "transformer_recorded",
    "transformer_sampled",
    "ensemble_ts_inf_recorded",
    "ensemble_ts_inf_sampled",
    MARGINAL,
)
_LOOKS: dict[str, Look] = dict(
    zip(("transformer", "ensemble_ts_inf", "markovian"), LOOKS, strict=False)
)
_THIN: dict[str, dict] = {
    f"{name}_{source}": {
        "color": _LOOKS[name].color,
        "linestyle": (0, (4, 1.5)),
        "linewidth": 0.8,
    }
    for name in ("transformer", "ensemble_ts_inf")
    for source in ("recorded", "sampled")
} | {MARGINAL: {"color": "#777777", "linestyle": (0, (1, 1.5)), "linewidth": 0.9}}
_ORACLE = {"color": "black", "linestyle": "-", "linewidth": 0.7}


class Curve(NamedTuple):
    """Mean over seeds, and the lowest and highest seed, at each step."""

    steps: Integer[np.ndarray, " T"]
    mean: Float[np.ndarray, " T"]
    low: Float[np.ndarray, " T"]
    high: Float[np.ndarray, " T"]


def curve(rows: pd.DataFrame, column: str) -> Curve:
    """Return the curve of a column, from rows of one model on one dataset."""
    by_seed = rows.pivot_table(index="step", columns="seed", values=column, aggfunc="mean")
    values = by_seed.to_numpy()
    return Curve(
        by_seed.index.to_numpy(), values.mean(axis=1), values.min(axis=1), values.max(axis=1)
    )


def draw_figure2(rows: pd.DataFrame, paths: Sequence[StrPath], *, dpi: int = 150) -> None:
    """Draw fully observed states left, masked ones right, of the paper's humanoid.

    Without rows of a humanoid, each environment has a row of panels. With them, other environments
    are left to `draw_calibration`.

    Args:
        rows: rows of `log_likelihoods.csv`; the models `PAPER` and `EXTRA` are drawn.
        paths: files to write, in the formats of their suffixes.
        dpi: resolution of pixel formats.

    Raises:
        TTOError: there is no row of a model of the paper.
    """
    models = [name for name in PAPER if name in set(rows["model"])]
    if not models:
        raise TTOError(f"figure 2: expected rows of {', '.join(PAPER)}, got none")
    models += [name for name in EXTRA if name in set(rows["model"])]
    envs = list(dict.fromkeys(rows["env"]))
    envs = [env for env in envs if robot_of(env) == _PAPERS_ROBOT] or envs
    states = [state for state in STATES if state in set(rows["state"])]
    with paper_style():
        width = PAGE_WIDTH * len(states) / len(STATES)
        figure = Figure(figsize=(max(width, 4.2), 0.5 + 2.2 * len(envs)))
        grid = figure.subplots(len(envs), len(states), sharey="row", squeeze=False)
        for line, env in zip(grid, envs, strict=True):
            for axis, state in zip(line, states, strict=True):
                part = select(rows, env=env, state=state)
                if part.empty:
                    axis.set_visible(False)
                    continue
                _draw_likelihoods(axis, part, models)
                axis.set_title(f"{robot_of(env)}, {STATE_TITLES[state]}")
            line[0].set_ylabel("log-likelihood (nats)")
        for axis in grid[-1]:
            axis.set_xlabel("prediction horizon (steps)")
        _draw_legend(figure, models)
        save_figure(figure, paths, dpi=dpi)


def draw_calibration(rows: pd.DataFrame, paths: Sequence[StrPath], *, dpi: int = 150) -> None:
    """Draw likelihood and coverage of the 90 % interval of all models, a row for each dataset.

    Args:
        rows: rows of `log_likelihoods.csv`.
        paths: files to write, in the formats of their suffixes.
        dpi: resolution of pixel formats.
    """
    datasets = list(dict.fromkeys(rows["dataset"]))
    models = sorted(set(rows["model"]), key=rank_of)
    with paper_style():
        figure = Figure(figsize=(PAGE_WIDTH, 0.7 + 2.1 * len(datasets)))
        grid = figure.subplots(len(datasets), 2, squeeze=False)
        for (left, right), dataset in zip(grid, datasets, strict=True):
            part = select(rows, dataset=dataset)
            env, state = (str(part[name].to_numpy()[0]) for name in ("env", "state"))
            _draw_likelihoods(left, part, models)
            left.set_title(f"{robot_of(env)}, {STATE_TITLES[state]}")
            left.set_ylabel("log-likelihood (nats)")
            _draw_coverage(right, part, models)
            right.set_title(f"coverage of the {LEVEL:.0%} interval".replace("%", " %"))
        for axis in grid[-1]:
            axis.set_xlabel("prediction horizon (steps)")
        _draw_legend(figure, models)
        save_figure(figure, paths, dpi=dpi)


def _draw_likelihoods(axis: Axes, rows: pd.DataFrame, models: Sequence[str]) -> None:
    for oracle in sorted(set(rows["oracle"])):
        axis.axhline(oracle, **_ORACLE)
    _draw_curves(axis, rows, models, "log_likelihood")


def _draw_coverage(axis: Axes, rows: pd.DataFrame, models: Sequence[str]) -> None:
    axis.axhline(LEVEL, color="black", linewidth=0.6)
    _draw_curves(axis, rows, models, "covered")
    axis.set_ylim(0, 1.02)
    axis.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))


def _draw_curves(axis: Axes, rows: pd.DataFrame, models: Sequence[str], column: str) -> None:
    for model in models:
        part = select(rows, model=model)
        if part.empty:
            continue
        steps, mean, low, high = curve(part, column)
        style = _line(model, models)
        axis.fill_between(steps, low, high, color=style["color"], alpha=0.15, linewidth=0)
        axis.plot(steps, mean, **style)
    axis.set_xlim(left=1, right=float(rows["step"].to_numpy().max()))
    axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _line(model: str, models: Sequence[str]) -> dict:
    """Return a model's line style: fixed for `PAPER` and `EXTRA`, the next free one for others."""
    if model in _THIN:
        return _THIN[model]
    others = [name for name in models if name not in _LOOKS and name not in _THIN]
    look = _LOOKS.get(model) or look_of(len(_LOOKS) + others.index(model))
    return {"color": look.color, "linestyle": look.line, "linewidth": 1.3}


def _draw_legend(figure: Figure, models: Sequence[str]) -> None:
    handles = [Line2D([], [], label="discrete oracle", **_ORACLE)]
    handles += [Line2D([], [], label=label_of(name), **_line(name, models)) for name in models]
    columns = len(handles) if len(handles) <= 4 else 3
    draw_legend(figure, {str(handle.get_label()): handle for handle in handles}, columns=columns)
