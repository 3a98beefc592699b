"""Held-out episodes under a model's predictions, as tidy rows (figure 2).

Trajectories are sampled from an episode's first state and the episode's own states are scored under
the marginals of each step (`tto.analysis.likelihood`). As in the paper, all episodes may begin in
one state; a model that draws its own actions then predicts once for all of them. Or each episode
has a first state of its own. The episodes are the same for all models and seeds. In masked data the
models see the mask tokens in place of hidden values, but all values count: what a model says about
what it does not see is the question there.

The Transformers predict the actions, too, and need no policy. An ensemble has none and follows the
recorded actions, so it is told what the behaviour policy did in the episode that is scored; that
favours the ensemble. The Transformers can be told, too.

Letters: T steps, O and A observation and action dimensions.
"""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from tto.analysis.likelihood import Cells, Scores, binned_shares, gaussian_shares, score
from tto.analysis.sampling import Samples, sample
from tto.baselines.ensemble import Ensemble
from tto.baselines.propagation import Method, propagate
from tto.data.episode import Episode
from tto.data.episodes import EpisodeDataset
from tto.errors import TTOError
from tto.files import StrPath
from tto.model.trained import TrainedModel
from tto.planning.engine import Engine
from tto.planning.fastest import fastest_engine
from tto.row_files import read_rows, write_rows
from tto.tokens.token_file import mask_tokens

COLUMNS = (
    "dataset",
    "env",
    "state",
    "model",
    "seed",
    "episode",
    "step",
    "log_likelihood",
    "oracle",
    "covered",
    "out_of_range",
)
KEY = ["dataset", "model", "seed", "episode", "step"]
STATES = ("full", "masked")
MARGINAL = "marginal"  # the training data's own (`tto.analysis.marginal`)
Actions = Literal["sampled", "recorded"]


@dataclass(frozen=True)
class Truth:
    """What happened, and the cells in which it is counted.

    Attributes:
        dataset, env: of the models' training data.
        episodes: numbered episodes of at least `steps` transitions that no model was trained on.
        steps: T, states after the first that are predicted.
        one_start: whether all episodes begin in the same state, with the same mask.
    """

    dataset: str
    env: str
    episodes: dict[int, Episode]
    steps: int
    cells: Cells
    one_start: bool = False

    def states(self, number: int) -> np.ndarray:
        """The T states of an episode that follow its first, hidden dimensions included."""
        return self.episodes[number].observations[1 : self.steps + 1].astype(np.float64)

    def rows(self, model: str, seed: int, number: int, scores: Scores) -> pd.DataFrame:
        """One row a step."""
        masked = self.episodes[number].observed is not None
        return pd.DataFrame(
            {
                "dataset": self.dataset,
                "env": self.env,
                "state": STATES[masked],
                "model": model,
                "seed": seed,
                "episode": number,
                "step": np.arange(1, self.steps + 1),
                "log_likelihood": scores.log_likelihood,
                "oracle": self.cells.oracle,
                "covered": scores.covered,
                "out_of_range": scores.out_of_range,
            },
            columns=list(COLUMNS),
        )


def select(rows: pd.DataFrame, **values: object) -> pd.DataFrame:
    """The rows that have these values in the columns of those names."""
    chosen: Any = rows
    for column, value in values.items():
        chosen = chosen[chosen[column] == value]
    return chosen


def held_out_truth(
    held_out: EpisodeDataset,
    *,
    dataset: str,
    episodes: int,
    steps: int,
    cells: Cells,
    one_start: bool = False,
) -> Truth:
    """Up to `episodes` episodes of at least `steps` transitions, evenly out of all such.

    Args:
        dataset: name of the models' training data, which the held-out episodes are not in.
        one_start: the episodes are those of one first state; what the first of them hides of it
            is hidden in all.

    Raises:
        TTOError: there is none, or they begin in different states in spite of `one_start`.
    """
    lengths, long = [], {}
    for number, episode in enumerate(held_out):
        lengths.append(len(episode))
        if len(episode) >= steps:
            long[number] = episode
    if not long:
        raise TTOError(
            f"model analysis: expected an episode of at least {steps} transitions in "
            f"{held_out.path}, got lengths up to {max(lengths, default=0)}; set "
            "model_analysis.steps lower"
        )
    places = np.linspace(0, len(long) - 1, min(episodes, len(long))).round().astype(int)
    chosen = {number: long[number] for number in np.array(list(long))[places].tolist()}
    if one_start:
        chosen = _from_one_start(chosen, held_out)
    return Truth(dataset, held_out.env_id, chosen, steps, cells, one_start)


def _from_one_start(episodes: dict[int, Episode], held_out: EpisodeDataset) -> dict[int, Episode]:
    """The episodes, checked to share their first state, with one mask of it."""
    first, *others = episodes.values()
    if any((other.observations[0] != first.observations[0]).any() for other in others):
        raise TTOError(
            f"model analysis: expected episodes of one first state in {held_out.path}, got "
            "several; collect them again, or set model_analysis.starts to many"
        )
    if first.observed is None:
        return episodes
    hidden = first.observed[:1]
    return {
        number: dataclasses.replace(episode, observed=np.vstack([hidden, episode.observed[1:]]))
        for number, episode in episodes.items()
        if episode.observed is not None
    }


def transformer_rows(
    model: TrainedModel,
    truth: Truth,
    *,
    name: str,
    seed: int,
    trajectories: int,
    actions: Actions,
    engine: Engine | None = None,
) -> pd.DataFrame:
    """Rows of a Transformer, called `name`, of a training seed.

    Args:
        actions: "sampled", drawn by the model itself (section 4.1), or "recorded", those of the
            episode that is scored.
    """
    O, bins = model.tokens.observation_dim, model.discretizer
    engine, parts = engine or fastest_engine(model.network), []
    samples, of_all = None, truth.one_start and actions == "sampled"
    for number, episode in truth.episodes.items():
        if samples is None or not of_all:
            rng = np.random.default_rng([seed, number])
            samples = _samples(model, episode, truth.steps, trajectories, rng, actions, engine)
        states = truth.states(number)
        shares = binned_shares(samples.marginals, bins.edges[:O], states, truth.cells)
        scores = score(shares, states, truth.cells, trajectories=trajectories)
        parts.append(truth.rows(name, seed, number, scores))
    return pd.concat(parts, ignore_index=True)


def _samples(
    model: TrainedModel,
    episode: Episode,
    steps: int,
    trajectories: int,
    rng: np.random.Generator,
    actions: Actions,
    engine: Engine,
) -> Samples:
    """Trajectories from the first state of an episode."""
    bins = model.discretizer
    start = bins.encode(episode.observations[:1])
    if episode.observed is not None:
        start = mask_tokens(start, episode.observed[:1], model.tokens.vocabulary)
    recorded = bins.encode(episode.actions[:steps], first=model.tokens.observation_dim)
    return sample(
        model,
        start[0],
        steps=steps,
        trajectories=trajectories,
        rng=rng,
        actions=recorded if actions == "recorded" else None,
        engine=engine,
    )


def ensemble_rows(
    network: Ensemble,
    truth: Truth,
    *,
    seed: int,
    trajectories: int,
    methods: Sequence[Method] = ("ts_inf", "ts1"),
) -> pd.DataFrame:
    """Rows of an ensemble of a training seed; the model is called by the way of its propagation."""
    parts = []
    for method in methods:
        for number, episode in truth.episodes.items():
            observed = episode.observed
            result = propagate(
                network,
                torch.from_numpy(episode.observations[0]),
                torch.from_numpy(episode.actions[: truth.steps]),
                particles=trajectories,
                method=method,
                generator=torch.Generator().manual_seed(1_000_003 * seed + number),
                observed=None if observed is None else torch.from_numpy(observed[: truth.steps]),
            )
            states = truth.states(number)
            means, log_variances = (x.double().cpu().numpy() for x in result[:2])
            shares = gaussian_shares(means, log_variances, states, truth.cells)
            scores = score(shares, states, truth.cells, trajectories=trajectories)
            parts.append(truth.rows(f"ensemble_{method}", seed, number, scores))
    return pd.concat(parts, ignore_index=True)


def write_log_likelihoods(path: StrPath, parts: Iterable[pd.DataFrame]) -> None:
    """Write rows with the columns of `COLUMNS`, sorted by `KEY`; numbers keep all their digits."""
    rows = pd.concat(list(parts), ignore_index=True).sort_values(KEY, ignore_index=True)
    write_rows(path, rows)


def read_log_likelihoods(paths: Iterable[StrPath]) -> Iterator[pd.DataFrame]:
    """Read what `write_log_likelihoods` wrote, and check it.

    Raises:
        TTOError: other columns, an empty cell, two rows of one state, or a state above its oracle.
    """
    for path in paths:
        name = os.fspath(path)
        rows = read_rows(path, COLUMNS, what="log-likelihoods", remedy="analyse again")
        if rows.duplicated(KEY).any():
            raise TTOError(f"{name}: expected one row a state, got two; analyse again")
        if (rows["log_likelihood"].to_numpy() > rows["oracle"].to_numpy() + 1e-6).any():
            raise TTOError(
                f"{name}: expected no state above the oracle, which bounds them all, got one; are "
                "cells of two datasets mixed?"
            )
        yield rows
