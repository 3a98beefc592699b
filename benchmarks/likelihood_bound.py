"""The log-likelihood that the simulator itself reaches in figure 2: a bound for every model.

    python benchmarks/likelihood_bound.py results/local humanoid-analysis [--trajectories 100 1000]

The behaviour policy draws its actions, so even the true distribution of the next state has a width,
and no model can reach the discrete oracle, which puts all probability into the right cells. Here
trajectories of the simulator and the policy, from the held-out episodes' first state, take the
place of a model's. They are scored as models are (`tto.analysis.likelihood`). Finitely many give a
lower estimate of the bound; it rises with their number.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
from jaxtyping import Float

from tto.analysis.likelihood import Cells, binned_shares, cells_of, score
from tto.data.collect import collect
from tto.tokens.token_file import read_token_file

ROOT = Path(__file__).parents[1]


def marginals(samples: Float[np.ndarray, "N T O"], cells: Cells) -> Float[np.ndarray, "T O V"]:
    """Shares of trajectories in each cell."""
    numbers = np.stack([cells.holding(sample) for sample in samples])
    V = cells.edges.shape[1] - 1
    return np.stack([(numbers == v).mean(axis=0) for v in range(V)], axis=-1)


def main() -> None:
    """Print a line for each number of trajectories."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a run with model analysis")
    parser.add_argument("dataset", help="fully observed dataset of its model analysis")
    parser.add_argument("--kind", default="medium", help="kind of the dataset")
    parser.add_argument("--trajectories", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--episodes", type=int, default=10, help="episodes that are scored")
    arguments = parser.parse_args()
    T, most = arguments.steps, max(arguments.trajectories)
    tokens = read_token_file(arguments.run / f"tokens/{arguments.dataset}.h5")
    cells = cells_of(tokens.discretizer, tokens.attributes.observation_dim)
    episodes = collect(
        tokens.attributes.env,
        arguments.kind,
        transitions=10**9,  # as many as are asked for
        seed=1,  # the held-out episodes': one more than the config's
        noise=0.1,
        actors=ROOT / "resources/actors",
        max_steps=T,
        one_start=True,
    )
    whole = (e.observations[1:].astype(np.float64) for e in episodes if len(e) == T)
    truth = list(itertools.islice(whole, arguments.episodes))
    samples = np.stack(list(itertools.islice(whole, most)))
    print(f"oracle: {cells.oracle:.1f} nats; steps 1 to {T}:")
    for count in arguments.trajectories:
        shares = marginals(samples[:count], cells)
        scores = [
            score(
                binned_shares(shares, cells.edges, states, cells),
                states,
                cells,
                trajectories=count,
            ).log_likelihood
            for states in truth
        ]
        values = np.mean(scores, axis=0)
        print(f"{count} trajectories: {', '.join(f'{value:.1f}' for value in values)}")


if __name__ == "__main__":
    main()
