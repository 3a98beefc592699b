"""Likelihood of held-out episodes under a model's predictions, as tidy rows (figure 2).

Trajectories are sampled from the first state of an episode, and the states of the episode are
scored under the marginals of each step (`tto.analysis.likelihood`). The episodes are the same for
all models and seeds. As in the paper, all of them may begin in one state; a model that draws its
own actions then predicts once for all of them. Otherwise each episode has its own first state. In
masked data the models see mask tokens in place of hidden values, but all values are scored: the
question is what a model predicts about values that it does not see.

A Transformer also predicts the actions. For an ensemble, the policies that collected the data act
on its predicted states. Both can be given the recorded actions of the scored episode in their
place, which tell much about its states.

Letters: T steps, O and A observation and action dimensions.
"""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from tto.analysis.likelihood import Cells, Scores, binned_shares, gaussian_shares, score
from tto.analysis.sampling import Samples, sample
from tto.baselines.pets.ensemble import Ensemble
from tto.baselines.pets.propagation import Act, Method, Propagation, propagate, recorded
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
MARGINAL = "marginal"  # model name of the training data's marginal (`tto.analysis.marginal`)
Actions = Literal["sampled", "recorded"]
# The actions of particles that begin an episode (`tto.analysis.behavior`)
Acting = Callable[[np.random.Generator], Act]
METHODS: tuple[Method, ...] = ("ts_inf", "ts1")  # ways in which an ensemble propagates


@dataclass(frozen=True)
class Truth:
    """Recorded held-out episodes, with which predictions are compared.

    Attributes:
        dataset: name of the models' training data.
        env: environment of the training data.
        episodes: held-out episodes by their number, each with at least `steps` transitions.
        steps: number T of predicted states after the first one.
        cells: histogram cells of each dimension, the same for all models.
        one_start: whether all episodes begin in the same state, with the same dimensions hidden.
    """

    dataset: str
    env: str
    episodes: dict[int, Episode]
    steps: int
    cells: Cells
    one_start: bool = False

    def states(self, number: int) -> Float[np.ndarray, "T O"]:
        """The T states after the first one of episode `number`, hidden dimensions included."""
        return self.episodes[number].observations[1 : self.steps + 1].astype(np.float64)

    def rows(self, model: str, seed: int, number: int, scores: Scores) -> pd.DataFrame:
        """One row with the scores of each step.

        Args:
            model: name of the model.
            seed: training seed of the model.
            number: number of the episode.
            scores: scores of the episode.
        """
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
    """The rows with the given values; keywords are names of columns."""
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
    """Choose up to `episodes` episodes of at least `steps` transitions, evenly from all such.

    Args:
        held_out: held-out episodes.
        dataset: name of the models' training data.
        episodes: largest number of episodes.
        steps: number of predicted states.
        cells: histogram cells of each dimension, the same for all models.
        one_start: whether all episodes begin in one state. The first state's mask in the first
            episode then applies to all of them.

    Raises:
        TTOError: no episode is long enough, or they begin in different states despite `one_start`.
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
    """Check that the episodes share their first state, and give it the same mask in all of them."""
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
    """Rows of a Transformer.

    Args:
        model: trained model.
        truth: held-out episodes.
        name: name of the model in the rows.
        seed: training seed of the model; it also seeds the draws.
        trajectories: number of sampled trajectories.
        actions: "sampled" if the model draws the actions (section 4.1), "recorded" if it gets those
            of the scored episode.
        engine: engine that computes the logits; by default the fastest one.
    """
    O, bins = model.tokens.observation_dim, model.discretizer
    engine, parts = engine or fastest_engine(model.network), []
    samples, shared = None, truth.one_start and actions == "sampled"
    for number, episode in truth.episodes.items():
        if samples is None or not shared:
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
    """Sample trajectories from the first state of an episode."""
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
    name: str,
    seed: int,
    trajectories: int,
    acting: Acting | None,
    method: Method,
) -> pd.DataFrame:
    """Rows of an ensemble.

    Args:
        network: trained ensemble.
        truth: held-out episodes.
        name: name of the model in the rows.
        seed: training seed of the ensemble; it also seeds the draws.
        trajectories: number of particles.
        acting: policies that act (section 4.1); None for the actions of the scored episode.
        method: method of propagation.
    """
    parts, result = [], None
    for number, episode in truth.episodes.items():
        # Masks differ between episodes, as recorded actions do.
        shared = truth.one_start and acting is not None and episode.observed is None
        if result is None or not shared:
            result = particles_of(
                network,
                episode,
                steps=truth.steps,
                seed=seed,
                number=number,
                particles=trajectories,
                acting=acting,
                method=method,
            )
        states = truth.states(number)
        means, log_variances = (x.double().cpu().numpy() for x in result[:2])
        shares = gaussian_shares(means, log_variances, states, truth.cells)
        scores = score(shares, states, truth.cells, trajectories=trajectories)
        parts.append(truth.rows(name, seed, number, scores))
    return pd.concat(parts, ignore_index=True)


def particles_of(
    network: Ensemble,
    episode: Episode,
    *,
    steps: int,
    seed: int,
    number: int,
    particles: int,
    acting: Acting | None,
    method: Method = "ts_inf",
) -> Propagation:
    """Particles of an ensemble from the first state of an episode.

    Args:
        network: trained ensemble.
        episode: episode whose first state and masks count, and its actions without `acting`.
        steps: number of predicted states.
        seed: seed of the draws.
        number: number of the episode; it seeds the draws, too.
        particles: number of particles.
        acting: policies that act; None for the episode's actions.
        method: method of propagation.
    """
    observed = episode.observed
    if acting is None:
        act = recorded(torch.from_numpy(episode.actions[:steps]))
    else:  # a key of four numbers, as no recorded episode has it: their draws would be the same
        act = acting(np.random.default_rng([seed, number, 0, 1]))
    return propagate(
        network,
        torch.from_numpy(episode.observations[0]),
        act,
        steps=steps,
        particles=particles,
        method=method,
        generator=torch.Generator().manual_seed(1_000_003 * seed + number),
        observed=None if observed is None else torch.from_numpy(observed[:steps]),
    )


def write_log_likelihoods(path: StrPath, parts: Iterable[pd.DataFrame]) -> None:
    """Write rows with the columns of `COLUMNS`, sorted by `KEY`; numbers keep all digits."""
    rows = pd.concat(list(parts), ignore_index=True).sort_values(KEY, ignore_index=True)
    write_rows(path, rows)


def read_log_likelihoods(paths: Iterable[StrPath]) -> Iterator[pd.DataFrame]:
    """Read files of `write_log_likelihoods` and check them; yield the rows of each file.

    Raises:
        TTOError: the columns are wrong, a cell is empty, a state has two rows, or a likelihood is
            above the oracle's.
    """
    for path in paths:
        name = os.fspath(path)
        rows = read_rows(path, COLUMNS, what="log-likelihoods", remedy="analyse again")
        if rows.duplicated(KEY).any():
            raise TTOError(f"{name}: expected one row a state, got two; analyse again")
        if (rows["log_likelihood"].to_numpy() > rows["oracle"].to_numpy() + 1e-6).any():
            raise TTOError(
                f"{name}: expected no state above the oracle, which is the upper bound, got one; "
                "do not mix cells of two datasets, and analyse again"
            )
        yield rows
