"""The states that each model predicts from one recorded state, as shown in figure 1.

The Transformer draws its own actions. The ensemble predicts states only: the policies that
collected the data act on those of one particle, with the same member at all steps (TS-inf). Both
models see the first state and nothing before it. The first trajectory that each draws is kept, so
none is chosen by its outcome.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from tto.analysis.log_likelihoods import Acting
from tto.analysis.sampling import sample
from tto.baselines.pets.ensemble import Ensemble
from tto.baselines.pets.propagation import propagate
from tto.data.episode import Episode
from tto.data.episodes import EpisodeDataset
from tto.errors import TTOError
from tto.files import StrPath, atomic_path
from tto.hdf5 import new_hdf5, read_hdf5
from tto.model.trained import TrainedModel

FORMAT_VERSION = 1
SOURCES = ("recorded", "transformer", "ensemble")


@dataclass(frozen=True)
class Origin:
    """The recorded state that predictions start from.

    Attributes:
        dataset: name of the dataset.
        env: environment of the dataset.
        episode: number of the episode.
        start: number of transitions before the state.
    """

    dataset: str
    env: str
    episode: int
    start: int


@dataclass(frozen=True)
class Predictions:
    """Recorded and predicted states, T + 1 of each, with the same first one.

    Attributes:
        origin: state that predictions start from.
        recorded: states of the behaviour policy in the simulator.
        transformer: states that the Transformer predicts.
        ensemble: states that the ensemble predicts.
    """

    origin: Origin
    recorded: Float[np.ndarray, "states O"]
    transformer: Float[np.ndarray, "states O"]
    ensemble: Float[np.ndarray, "states O"]


def choose_origin(held_out: EpisodeDataset, *, start: int, steps: int) -> Origin:
    """Choose the first episode with at least `steps` transitions after its first `start` ones.

    Raises:
        TTOError: no episode is long enough.
    """
    longest = 0
    for number, episode in enumerate(held_out):
        longest = max(longest, len(episode))
        if len(episode) >= start + steps:
            return Origin(held_out.name, held_out.env_id, number, start)
    raise TTOError(
        f"figure 1: expected an episode of {start + steps} or more transitions in {held_out.path}, "
        f"got {longest} at most; lower model_analysis.prediction.start or steps"
    )


def predict(
    model: TrainedModel,
    ensemble: Ensemble,
    episode: Episode,
    origin: Origin,
    *,
    acting: Acting,
    steps: int,
    seed: int,
) -> Predictions:
    """Predict the `steps` states after a recorded one with both models.

    Args:
        model: the Transformer.
        ensemble: the ensemble.
        episode: episode of the recorded state.
        origin: state to start from.
        acting: policies that act on the ensemble's states.
        steps: number of predicted states.
        seed: seed of the draws.

    Raises:
        TTOError: the episode ends too early, or the model's states are masked.
    """
    start, end = origin.start, origin.start + steps
    if end > len(episode):
        raise TTOError(
            f"figure 1: expected an episode of {end} or more transitions, got {len(episode)} in "
            f"episode {origin.episode} of {origin.dataset}; predict fewer steps"
        )
    if model.tokens.mask_token:
        raise TTOError(
            f"figure 1: expected a model of whole states, got one of {origin.dataset}, which is "
            "masked; choose another dataset"
        )
    states = episode.observations[start : end + 1]
    samples = sample(
        model,
        model.discretizer.encode(states[0]),
        steps=steps,
        trajectories=1,
        rng=np.random.default_rng([seed, 0]),
    )
    particle = propagate(
        ensemble,
        torch.from_numpy(states[0]),
        acting(np.random.default_rng([seed, origin.episode, 0, 1])),
        steps=steps,
        particles=1,
        generator=torch.Generator().manual_seed(seed),
    ).samples[:, 0]
    first = states[:1].astype(np.float64)
    return Predictions(
        origin,
        recorded=states.astype(np.float64),
        transformer=np.vstack([first, model.discretizer.decode(samples.observations[0])]),
        ensemble=np.vstack([first, particle.double().cpu().numpy()]),
    )


def write_predictions(path: StrPath, predictions: Predictions) -> None:
    """Write an HDF5 file with one array for each of `SOURCES`; the origin is in the attributes."""
    with atomic_path(path) as temporary, new_hdf5(temporary) as file:
        for name in SOURCES:
            file[name] = getattr(predictions, name)
        file.attrs["format_version"] = FORMAT_VERSION
        for name, value in asdict(predictions.origin).items():
            file.attrs[name] = value


def read_predictions(path: StrPath) -> Predictions:
    """Read a file of `write_predictions`.

    Raises:
        TTOError: the file is missing, damaged or of another format version, or its shapes differ.
    """
    with read_hdf5(path, expected="a file of predictions", remedy="predict again") as file:
        attributes: dict[str, Any] = dict(file.attrs)
        version = int(attributes["format_version"])
        states = {name: np.asarray(file[name], dtype=np.float64) for name in SOURCES}
        origin = Origin(
            dataset=str(attributes["dataset"]),
            env=str(attributes["env"]),
            episode=int(attributes["episode"]),
            start=int(attributes["start"]),
        )
    shapes = {values.shape for values in states.values()}
    if version != FORMAT_VERSION or len(shapes) != 1 or states["recorded"].ndim != 2:
        raise TTOError(
            f"{path}: expected format version {FORMAT_VERSION} and states of one shape, got "
            f"{version} and {sorted(shapes)}; predict again"
        )
    return Predictions(origin, **states)
