"""Contents of a run's report and of its published page, in their order, with titles.

Captions are in workflow/report/<caption>.rst, where Snakemake's own report finds them, too.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["table", "figure", "film"]
SUFFIXES: dict[Kind, str] = {"table": ".html", "figure": ".png", "film": ".webp"}


@dataclass(frozen=True)
class Item:
    """A table or a picture, or several of one kind.

    Attributes:
        kind: table, figure or film.
        path: path in a run's folder, without suffix; `*` matches several files.
        title: heading; each of several pictures is named after its file.
        caption: name of the caption's file.
        alt: description of a picture for readers who cannot see it.
    """

    kind: Kind
    path: str
    title: str
    caption: str
    alt: str = ""

    def files(self, results: Path, made: Collection[Path] | None = None) -> list[Path]:
        """Return the files that a run has, of some files or of all."""
        found = sorted(results.glob(self.path + SUFFIXES[self.kind]))
        return [path for path in found if made is None or path in made]


@dataclass(frozen=True)
class Section:
    """Items under one heading; `id` is its anchor."""

    id: str
    title: str
    items: tuple[Item, ...]


def _table(name: str, title: str) -> Item:
    return Item("table", f"tables/{name}", title, f"tables/{name}")


def _figure(name: str, title: str, alt: str) -> Item:
    return Item("figure", f"figures/{name}", title, f"figures/{name}", alt)


SECTIONS = (
    Section(
        "glance",
        "In one minute",
        (
            Item(
                "film",
                "figures/films/*",
                "Evaluated episodes",
                "figures/film",
                "an evaluated episode as an animated picture",
            ),
            _figure(
                "figure4",
                "Figure 4: offline reinforcement learning",
                "bars of normalised scores, published and ours, by robot and kind of data",
            ),
            _figure(
                "figure2",
                "Figure 2: likelihood of held-out states by horizon",
                "curves of log-likelihood that fall with the prediction horizon, by model",
            ),
            _figure(
                "figure5",
                "Figure 5: goal reaching",
                "four maps of four rooms with routes from starts through doors to goals",
            ),
            _table("table1", "Table 1: offline reinforcement learning"),
            _figure(
                "returns",
                "Returns",
                "bars of the return of planning and of other methods, with lines for the data",
            ),
            _table("returns", "Returns in numbers"),
        ),
    ),
    Section("claims", "Claims", (_table("claims", "Claims of the paper"),)),
    Section(
        "offline",
        "Offline RL",
        (
            _figure(
                "profiles",
                "Performance profiles",
                "curves that fall from 1 to 0: the share of rollouts with a score above each value",
            ),
            _table("extended", "Results published since"),
            _table("tuning", "Choice of settings"),
            _figure(
                "loss_ladder",
                "Where return is lost",
                "bars of the return of the data's policies, of cloning, and of the Transformer",
            ),
            _table("costs", "Costs"),
            _table("action_shift", "Plans beside the data"),
        ),
    ),
    Section(
        "imitation",
        "Imitation",
        (
            _table("imitation", "Imitation of experts"),
            Item(
                "figure",
                "figures/imitation",
                "Imitation by predicted length",
                "figures/imitation",
                "return in per cent of the expert's, against the transitions that are predicted",
            ),
        ),
    ),
    Section(
        "goals",
        "Goal reaching",
        (_table("goal_reaching", "Success and path lengths"),),
    ),
    Section(
        "prediction",
        "Prediction",
        (
            _figure(
                "figure1",
                "Figure 1: predicted trajectories",
                "poses of a robot over time: recorded, by the Transformer and by the ensemble",
            ),
            Item(
                "film",
                "figures/figure1",
                "Figure 1 as a film",
                "figures/figure1_film",
                "the robot of figure 1 moving, recorded and as both models predict it",
            ),
            _figure(
                "calibration",
                "All models and their calibration",
                "curves of log-likelihood and of interval coverage by horizon and model",
            ),
            _table("model_analysis", "Prediction in numbers"),
            _figure(
                "figure3",
                "Figure 3: attention",
                "attention maps of two heads, and all heads in a plane of two shares",
            ),
        ),
    ),
    Section(
        "ablations",
        "Ablations",
        (
            Item(
                "figure",
                "figures/ablations/*",
                "Effect of each setting",
                "figures/ablation",
                "score or return against the values of one setting",
            ),
        ),
    ),
    Section(
        "datasets",
        "Datasets",
        (
            Item(
                "figure",
                "figures/datasets/*",
                "Dataset cards",
                "figures/dataset_card",
                "histograms of returns and lengths, and a heat map of how bins are used",
            ),
        ),
    ),
    Section(
        "training",
        "Training",
        (
            _figure(
                "training_curves",
                "Training curves",
                "training and held-out loss of each model against tokens and time",
            ),
            _figure(
                "dimension_losses",
                "Loss of each dimension and place",
                "held-out loss of each dimension of a transition, and by place in the window",
            ),
        ),
    ),
)
