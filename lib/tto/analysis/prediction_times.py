"""The time of a predicted step of the Transformer and of the ensemble.

It is measured in CPU seconds of the process for one step of one trajectory, always on the
processor, with the same number of trajectories, steps and threads for both models. The Transformer
draws its own actions; the ensemble gets recorded ones.
"""

import time
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import torch

from tto.analysis.sampling import sample
from tto.baselines.pets.ensemble import Ensemble
from tto.baselines.pets.propagation import propagate, recorded
from tto.data.episode import Episode
from tto.errors import TTOError
from tto.files import StrPath
from tto.model.trained import TrainedModel
from tto.planning.fastest import fastest_engine
from tto.row_files import read_rows

COLUMNS = ("dataset", "model", "seed", "repetition", "trajectories", "steps", "seconds")


def prediction_times(
    model: TrainedModel,
    ensemble: Ensemble,
    episode: Episode,
    *,
    seed: int,
    trajectories: int,
    steps: int,
    repetitions: int,
    clock: Callable[[], float] = time.process_time,
) -> pd.DataFrame:
    """Time both models: one row for each model and repetition.

    `seconds` are CPU seconds of one step of one trajectory. The models take turns, so that a busy
    moment of the machine affects both. A first turn warms them up and is left out.

    Args:
        model: the Transformer.
        ensemble: the ensemble.
        episode: episode of at least `steps` transitions, for the first state and the actions.
        seed: training seed of the models; it also seeds the draws.
        trajectories: number of trajectories.
        steps: number of predicted states.
        repetitions: number of timed turns of each model.
        clock: function that returns the CPU seconds of this process.

    Raises:
        TTOError: the episode is too short.
    """
    if len(episode) < steps:
        raise TTOError(
            f"prediction times: expected an episode of {steps} or more transitions, got "
            f"{len(episode)}; set model_analysis.steps lower"
        )
    engine = fastest_engine(model.network)
    start = model.discretizer.encode(episode.observations[0])
    state = torch.from_numpy(episode.observations[0])
    act = recorded(torch.from_numpy(episode.actions[:steps]))

    def with_transformer() -> None:
        rng = np.random.default_rng(seed)
        sample(model, start, steps=steps, trajectories=trajectories, rng=rng, engine=engine)

    def with_ensemble() -> None:
        generator = torch.Generator().manual_seed(seed)
        propagate(ensemble, state, act, steps=steps, particles=trajectories, generator=generator)

    rows = []
    for repetition in range(repetitions + 1):
        for name, run in (("transformer", with_transformer), ("ensemble_ts_inf", with_ensemble)):
            began = clock()
            run()
            seconds = (clock() - began) / (steps * trajectories)
            row = (model.tokens.dataset, name, seed, repetition, trajectories, steps, seconds)
            if repetition:
                rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def read_prediction_times(paths: Iterable[StrPath]) -> pd.DataFrame:
    """Read and concatenate files with rows of `prediction_times`.

    Raises:
        TTOError: the columns are wrong, a cell is empty, or a time is not above 0.
    """
    parts = [
        read_rows(
            path,
            COLUMNS,
            what="times",
            remedy="analyse again",
            valid=lambda rows: bool((rows["seconds"].to_numpy() > 0).all()),
            condition="times above 0",
        )
        for path in paths
    ]
    return pd.concat(parts, ignore_index=True)
