"""Are predicted trajectories indistinguishable from real ones (section 4.1, figure 1)?

The paper says so of what the eye sees. Here a classifier answers (`tto.analysis.classifier`): it
gets as many real trajectories as predicted ones, each predicted from the first state of a real one.
The Transformer draws its own actions, the ensemble follows the recorded ones with one member a
trajectory (TS-inf). All states are rounded to the middles of the Transformer's bins, the real ones
too: grains that no eye sees shall not give a model away.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from tto.analysis.classifier import right_answers
from tto.analysis.log_likelihoods import Truth
from tto.analysis.sampling import sample
from tto.baselines.ensemble import Ensemble
from tto.baselines.propagation import propagate
from tto.errors import TTOError
from tto.files import StrPath
from tto.model.trained import TrainedModel
from tto.planning.fastest import fastest_engine
from tto.row_files import read_rows

COLUMNS = ("dataset", "env", "model", "seed", "steps", "trajectories", "right", "asked")


def indistinguishable_rows(
    model: TrainedModel, ensemble: Ensemble, truth: Truth, *, seed: int
) -> pd.DataFrame:
    """A row for each of the two models: how many answers are right of how many asked.

    Args:
        truth: its episodes are the real trajectories, of its steps.
        seed: training seed of the models; the draws depend on it, too.

    Raises:
        TTOError: masked states, or too few or too short trajectories.
    """
    if model.tokens.mask_token:
        raise TTOError(
            f"telling apart: expected a model of whole states, got one of {truth.dataset}, which "
            "is masked; name another dataset in model_analysis.prediction"
        )
    real = np.stack([_rounded(model, truth.states(number)) for number in truth.episodes])
    predicted = {
        "transformer": _transformer(model, truth, seed),
        "ensemble_ts_inf": _ensemble(model, ensemble, truth, seed),
    }
    rows = []
    for name, states in predicted.items():
        right = right_answers(real, states)
        row = (truth.dataset, truth.env, name, seed, truth.steps, len(real))
        rows.append((*row, int(right.sum()), right.size))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rounded(model: TrainedModel, states: Float[np.ndarray, "T O"]) -> Float[np.ndarray, "T O"]:
    return model.discretizer.decode(model.discretizer.encode(states))


def _transformer(model: TrainedModel, truth: Truth, seed: int) -> Float[np.ndarray, "N T O"]:
    """One sampled trajectory from the first state of each episode."""
    engine, trajectories = fastest_engine(model.network), []
    for number, episode in truth.episodes.items():
        samples = sample(
            model,
            model.discretizer.encode(episode.observations[0]),
            steps=truth.steps,
            trajectories=1,
            rng=np.random.default_rng([seed, number]),
            engine=engine,
        )
        trajectories.append(model.discretizer.decode(samples.observations[0]))
    return np.stack(trajectories)


def _ensemble(
    model: TrainedModel, ensemble: Ensemble, truth: Truth, seed: int
) -> Float[np.ndarray, "N T O"]:
    """One particle along the actions of each episode; members take turns."""
    trajectories = []
    for place, (number, episode) in enumerate(truth.episodes.items()):
        particles = propagate(
            ensemble,
            torch.from_numpy(episode.observations[0]),
            torch.from_numpy(episode.actions[: truth.steps]),
            particles=ensemble.members,
            generator=torch.Generator().manual_seed(1_000_003 * seed + number),
        ).samples
        particle = particles[:, place % ensemble.members].double().cpu().numpy()
        trajectories.append(_rounded(model, particle))
    return np.stack(trajectories)


def read_indistinguishable(paths: Iterable[StrPath]) -> pd.DataFrame:
    """Rows of files of `indistinguishable_rows`, all below each other.

    Raises:
        TTOError: other columns, an empty cell, or more right answers than were asked.
    """
    parts = [
        read_rows(
            path,
            COLUMNS,
            what="answers",
            remedy="analyse again",
            valid=lambda rows: bool(rows["right"].between(0, rows["asked"]).all()),
            condition="no more right answers than asked",
        )
        for path in paths
    ]
    return pd.concat(parts, ignore_index=True)
