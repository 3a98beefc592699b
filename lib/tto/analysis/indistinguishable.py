"""Are predicted trajectories indistinguishable from real ones (section 4.1, figure 1)?

In the paper this is a visual impression. Here a classifier (`tto.analysis.classifier`) gets as many
real trajectories as predicted ones, each predicted from the first state of a real one. The
Transformer draws its own actions. For the ensemble, the policies that collected the data act on its
predicted states, with one member for each trajectory (TS-inf). All states, also the real ones, are
rounded to the centers of the Transformer's bins, so that the bins alone do not reveal the model.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from jaxtyping import Float

from tto.analysis.classifier import right_answers
from tto.analysis.log_likelihoods import Acting, Truth, particles_of
from tto.analysis.sampling import sample
from tto.baselines.pets.ensemble import Ensemble
from tto.errors import TTOError
from tto.files import StrPath
from tto.model.trained import TrainedModel
from tto.planning.fastest import fastest_engine
from tto.row_files import read_rows

COLUMNS = ("dataset", "env", "model", "seed", "steps", "trajectories", "right", "asked")


def indistinguishable_rows(
    model: TrainedModel, ensemble: Ensemble, truth: Truth, *, acting: Acting, seed: int
) -> pd.DataFrame:
    """One row for each of the two models: the number of answers (`asked`) and of right answers.

    Args:
        model: the Transformer.
        ensemble: the ensemble.
        truth: episodes and number of steps of the real trajectories.
        acting: policies that act in the ensemble's predictions.
        seed: training seed of the models; it also seeds the draws.

    Raises:
        TTOError: the states are masked, or there are too few or too short trajectories.
    """
    if model.tokens.mask_token:
        raise TTOError(
            f"telling apart: expected a model of whole states, got one of {truth.dataset}, which "
            "is masked; choose another dataset in model_analysis.prediction"
        )
    real = np.stack([_rounded(model, truth.states(number)) for number in truth.episodes])
    predicted = {
        "transformer": _transformer(model, truth, seed),
        "ensemble_ts_inf": _ensemble(model, ensemble, truth, acting, seed),
    }
    rows = []
    for name, states in predicted.items():
        right = right_answers(real, states)
        row = (truth.dataset, truth.env, name, seed, truth.steps, len(real))
        rows.append((*row, int(right.sum()), right.size))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rounded(model: TrainedModel, states: Float[np.ndarray, "T O"]) -> Float[np.ndarray, "T O"]:
    """States rounded to the centers of the model's bins."""
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
    model: TrainedModel, ensemble: Ensemble, truth: Truth, acting: Acting, seed: int
) -> Float[np.ndarray, "N T O"]:
    """One particle from the first state of each episode; the members take turns."""
    trajectories = []
    for place, (number, episode) in enumerate(truth.episodes.items()):
        particles = particles_of(
            ensemble,
            episode,
            steps=truth.steps,
            seed=seed,
            number=number,
            particles=ensemble.members,
            acting=acting,
        ).samples
        particle = particles[:, place % ensemble.members].double().cpu().numpy()
        trajectories.append(_rounded(model, particle))
    return np.stack(trajectories)


def read_indistinguishable(paths: Iterable[StrPath]) -> pd.DataFrame:
    """Read and concatenate files with rows of `indistinguishable_rows`.

    Raises:
        TTOError: the columns are wrong, a cell is empty, or there are more right answers than
            answers.
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
