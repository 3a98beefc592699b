"""How wrong are a run's actions where its robot has left the data?

    python benchmarks/off_data.py results/imitation walker2d-expert-v2

The states are those of a run's recorded episodes: every 25th of an episode that ran to its end, and
only the last 120 of one that ended early. A state's distance to the data is that to its second
nearest state in the dataset, each dimension in units of its standard deviation. The second, as the
nearest may be the same state. In groups of states by this distance, the table has the root mean
square, in the action's units, of an action less the mean action of the policy that collected the
data: of the action that was played, of the expected action (without a past) of the Transformer that
played, and of behaviour cloning. A model goes where it errs, so the column "another model" has the
expected action of another seed's Transformer, which did not choose the states. Cloning is of that
other seed, too. "Rounded" has its action in the state rounded to the middles of the bins.
"""

import argparse
import functools
from pathlib import Path

import gymnasium
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from scipy.spatial import KDTree

from tto.baselines.behavior_cloning import load_behavior_cloning
from tto.data.actors import Actor
from tto.data.collect import collectors, dataset_kind
from tto.data.episodes import open_dataset
from tto.evaluation.loss_ladder import rounded
from tto.evaluation.rollout_file import read_rollout
from tto.model.trained import TrainedModel, load
from tto.planning.controller import Controller

ROOT = Path(__file__).parents[1]
EDGES = [0, 0.5, 1, 1.5, 2, 3, 5, np.inf]
STRIDE, LAST = 25, 120
DRAWS = 64  # of the collector, whose mean they estimate


def mean_action(actor: Actor, observations: Float[np.ndarray, "N O"]) -> Float[np.ndarray, "N A"]:
    """The mean of an actor's action in each state."""
    generator = np.random.default_rng(0)
    return np.mean([actor.act(observations, generator) for _ in range(DRAWS)], axis=0)


loaded = functools.cache(load)  # a model judges the episodes of many


def expected(
    model: TrainedModel, observations: Float[np.ndarray, "N O"]
) -> Float[np.ndarray, "N A"]:
    """The expected action of a model in each state, without a past."""
    planner = Controller(
        model, objective="likelihood", action_decode="expected", horizon=1, context=0
    )
    return planner.act(observations)


def rows_of(
    path: Path, run: Path, dataset: str, data: KDTree, scale: np.ndarray, actor: Actor
) -> pd.DataFrame:
    """Distance to the data, and squared errors of actions, of some states of a recorded episode."""
    rollout, attributes = read_rollout(path)
    steps = len(rollout.actions)
    last = np.arange(max(0, steps - LAST), steps)
    chosen = last if rollout.terminated else np.arange(0, steps, STRIDE)
    observations, played = rollout.observations[chosen], rollout.actions[chosen]
    seeds = sorted(path.name for path in (run / "models" / dataset).glob("seed*"))
    own = seeds.index(f"seed{attributes['seed']}")
    other = seeds[(own + 1) % len(seeds)]
    cloning = load_behavior_cloning(run / "baselines" / dataset / "bc" / other)
    right = mean_action(actor, observations)
    model, another = (loaded(run / "models" / dataset / seed) for seed in (seeds[own], other))
    actions = {
        "played action": played,
        "own model": expected(model, observations),
        "another model": expected(another, observations),
        "cloning": cloning.act(observations),
        "rounded": cloning.act(rounded(another.discretizer, observations)),
    }
    distances, _ = data.query(observations / scale, k=2)
    errors = {name: np.mean((action - right) ** 2, axis=1) for name, action in actions.items()}
    return pd.DataFrame({"method": attributes["method"], "distance": distances[:, 1], **errors})


def main() -> None:
    """Print a table for each method whose episodes the run has recorded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run, as results/imitation")
    parser.add_argument("dataset", help="one of its datasets that the run has collected")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    run, dataset = arguments.run, arguments.dataset
    episodes = open_dataset(run / "datasets" / dataset)
    observations = np.concatenate([episode.observations[:-1] for episode in episodes])
    scale = observations.std(axis=0)
    env = gymnasium.make(episodes.env_id)
    (actor,), _ = collectors(env, dataset_kind(dataset), ROOT / "resources/actors")
    assert isinstance(actor, Actor)
    data = KDTree(observations / scale)
    paths = sorted((run / "rollouts" / dataset).glob("*/*.h5"))
    rows = pd.concat([rows_of(path, run, dataset, data, scale, actor) for path in paths])
    rows["distance"] = pd.cut(rows["distance"], EDGES)
    groups = rows.groupby(["method", "distance"], observed=True)
    table = pd.DataFrame(groups.mean()).pow(0.5).assign(states=groups.size())
    print(table.to_string(float_format="%.3f"))


if __name__ == "__main__":
    main()
