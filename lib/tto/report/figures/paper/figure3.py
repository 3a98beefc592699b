"""Figure 3 of the paper: attention maps of the two heads with the clearest patterns.

Rows are predicted tokens, columns are attended tokens, of transitions t-4 to t. Rewards and
rewards-to-go are left out, as in the paper. A third panel shows the two numbers of all heads that
the two were chosen by.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch, Rectangle

from tto.analysis.heads import PATTERNS, most_of_untrained
from tto.analysis.heads_file import AttentionMaps
from tto.files import StrPath
from tto.report.drawing.style import BLUE, ORANGE, PAGE_WIDTH, look_of, paper_style, save_figure

_NAMES = {"markov": "Markovian", "striated": "Striated"}
_SHARES = {
    "previous_transition": "previous transition",
    "same_dimension_older": "same dimension, older steps",
}
_STEPS = 5  # largest number of shown transitions
_BRIGHTEST = 0.995  # share of the shown weights that the colour scale covers
_COLORS = LinearSegmentedColormap.from_list("attention", ["white", BLUE, "#00233B"])
_STATE, _ACTION = BLUE, ORANGE  # as in the figure of each dimension's loss


def shown_map(
    attention: AttentionMaps, weights: Float[np.ndarray, "L L"], *, steps: int
) -> Float[np.ndarray, "shown shown"]:
    """Return the attention between states and actions of the last `steps` transitions.

    Rows are predicted tokens. Row l of `weights` predicts token l + 1, so rows shift by one.

    Args:
        attention: maps of a model, for the sizes of its observations and actions.
        weights: attention of one head over a window of L tokens.
        steps: number of transitions.
    """
    O, A = attention.observation_dim, attention.action_dim
    D, L = O + A + 2, len(weights)
    places = np.arange(L - steps * D, L)
    places = places[places % D < O + A]
    predicted = np.vstack([np.zeros((1, L)), weights[:-1]])  # nothing predicts the first token
    return predicted[np.ix_(places, places)]


def draw_figure3(
    attention: AttentionMaps,
    rows: pd.DataFrame,
    paths: Sequence[StrPath],
    *,
    dpi: int = 150,
) -> None:
    """Draw the figure and write it to each path, in the format of its suffix.

    Args:
        attention: maps of the two heads.
        rows: numbers of all heads (`tto.analysis.heads_file.read_heads`).
        paths: files to write.
        dpi: resolution of pixel formats.
    """
    D = attention.observation_dim + attention.action_dim + 2
    steps = min(_STEPS, len(next(iter(attention.maps.values()))) // D)
    with paper_style():
        figure = Figure(figsize=(PAGE_WIDTH, 2.95))
        axes = figure.subplots(1, 3, width_ratios=[1.0, 1.0, 0.72])
        maps = {name: shown_map(attention, attention.maps[name], steps=steps) for name in _NAMES}
        most = max(float(np.quantile(shown[shown > 0], _BRIGHTEST)) for shown in maps.values())
        image = None
        for axis, (name, shown) in zip(axes, maps.items(), strict=False):
            image = _draw_map(axis, attention, shown, steps, most)
            layer, head = attention.heads[name]
            axis.set_title(f"{_NAMES[name]}: layer {layer}, head {head}", loc="left", y=1.15, pad=0)
            numbers = _numbers(rows, name, (layer, head))
            axis.set_xlabel(numbers, fontsize=7.5, labelpad=4, loc="left")
        axes[0].set_ylabel("predicted token")
        assert image is not None
        bar = figure.colorbar(image, ax=list(axes[:2]), fraction=0.022, pad=0.012, extend="max")
        bar.set_label("attention weight", fontsize=8)
        bar.outline.set_linewidth(0.4)  # type: ignore[operator]
        bar.ax.tick_params(width=0.4, labelsize=7.5)
        _draw_heads(axes[2], rows, attention.heads)
        names = {
            f"state ({attention.observation_dim} dimensions)": _STATE,
            f"action ({attention.action_dim} dimensions)": _ACTION,
        }
        figure.legend(
            handles=[Patch(color=color, label=name) for name, color in names.items()],
            loc="outside lower left",
            ncols=2,
            fontsize=7.5,
        )
        save_figure(figure, paths, dpi=dpi)


def _draw_map(
    axis: Axes,
    attention: AttentionMaps,
    shown: Float[np.ndarray, "shown shown"],
    steps: int,
    most: float,
) -> AxesImage:
    """Draw a map; weights of `most` or more have the darkest colour."""
    O, A = attention.observation_dim, attention.action_dim
    step, side = O + A, len(shown)
    image = axis.imshow(shown, cmap=_COLORS, vmin=0.0, vmax=most, interpolation="nearest")
    for edge in range(step, side, step):
        axis.axhline(edge - 0.5, color="#BBBBBB", linewidth=0.35)
        axis.axvline(edge - 0.5, color="#BBBBBB", linewidth=0.35)
    thickness = 0.022 * side
    labels: dict[float, str] = {}
    for number in range(steps):
        ago = steps - 1 - number
        labels[number * step + (step - 1) / 2] = f"$t{f'-{ago}' if ago else ''}$"
        for kind, first, count in (("s", 0, O), ("a", O, A)):
            start = number * step + first - 0.5
            color = _STATE if kind == "s" else _ACTION
            box = {"color": color, "linewidth": 0, "clip_on": False}
            above = Rectangle((start + 0.1, -0.9 - thickness), count - 0.2, thickness, **box)
            beside = Rectangle((-0.9 - thickness, start + 0.1), thickness, count - 0.2, **box)
            axis.add_patch(above)
            axis.add_patch(beside)
    axis.set(xticks=list(labels), yticks=list(labels))
    axis.set_xticklabels(labels.values(), fontsize=7.5)
    axis.set_yticklabels(labels.values(), fontsize=7.5)
    axis.tick_params(length=0, pad=4, top=False, bottom=False, labeltop=True, labelbottom=False)
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set(visible=True, linewidth=0.4)
    return image


def _numbers(rows: pd.DataFrame, name: str, head: tuple[int, int]) -> str:
    """Describe a head by its shares of attention, beside the largest of a random model's heads."""
    is_it = (rows["kind"] == "head") & (rows["layer"] == head[0]) & (rows["head"] == head[1])
    chosen = rows.loc[is_it].iloc[0]
    lines = {
        PATTERNS[name]: _SHARES[PATTERNS[name]],
        "actions_to_actions": "actions on past actions",
        "actions_to_states": "actions on past states",
    }
    return "\n".join(
        f"{words}: {chosen[column]:.2f} (random: {most_of_untrained(rows, column):.2f})"
        for column, words in lines.items()
    )


def _draw_heads(axis: Axes, rows: pd.DataFrame, chosen: dict[str, tuple[int, int]]) -> None:
    """Draw all heads by the two numbers that they are chosen by, one colour for each layer."""
    x, y = PATTERNS["markov"], PATTERNS["striated"]
    heads, even = rows[rows["kind"] == "head"], rows[rows["kind"] == "even"]
    limits = [float(np.asarray(heads[column], dtype=float).max()) for column in (x, y)]
    for layer, part in heads.groupby("layer"):
        look = look_of(int(str(layer)) - 1)
        axis.plot(
            part[x],
            part[y],
            color=look.color,
            marker=look.marker,
            linestyle="none",
            markersize=4.5,
            label=f"layer {layer}",
        )
    random = rows[rows["kind"] == "random"]
    axis.plot(even[x], even[y], "x", color="black", markersize=5, label="even")
    axis.plot(random[x], random[y], "+", color="#888888", markersize=8, label="random")
    for layer, head in chosen.values():
        place = heads[(heads["layer"] == layer) & (heads["head"] == head)]
        axis.plot(place[x], place[y], "o", markersize=8.5, color="black", fillstyle="none")
    axis.set_title("All heads", loc="left", y=1.15, pad=0)
    axis.set(xlabel=_SHARES[x], ylabel=_SHARES[y])
    axis.set_box_aspect(1.4)
    axis.set_xlim(0.0, max(1.0, limits[0]))
    axis.set_ylim(0.0, max(1.25 * limits[1], 0.05))
    axis.legend(loc="best", fontsize=7.5, handletextpad=0.1, borderaxespad=0.2)
