"""Train behaviour policies for a robot, measure their checkpoints, and keep a ladder of them."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from tto.data.actors import load_actor
from tto.data.ars import ARSConfig, train_ars
from tto.data.collect import measure
from tto.data.environments import HUMANOID
from tto.data.ladder import Ladder, Rung, choose_rungs, read_ladder, write_ladder
from tto.data.sac import SACConfig, train_sac
from tto.errors import TTOError

SCREENING_EPISODES = 20


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a robot's actors are trained.

    Attributes:
        env_id: environment.
        settings: of the method.
        steps: environment steps of training, for each seed.
        checkpoint_steps: between two checkpoints.
        seeds: one training each; the ladder is chosen from all of them.
    """

    env_id: str
    settings: ARSConfig | SACConfig
    steps: int
    checkpoint_steps: int
    seeds: tuple[int, ...]


# ARS searches with the noise that the episodes are collected with: its policies then stand it.
RECIPES: dict[str, Recipe] = {
    "hopper": Recipe("Hopper-v5", ARSConfig(action_noise=0.1), 1_500_000, 10_000, (0,)),
    "halfcheetah": Recipe(
        "HalfCheetah-v5", SACConfig(final_learning_rate=6.5e-4), 300_000, 5_000, (0,)
    ),
    "walker2d": Recipe(
        "Walker2d-v5",
        SACConfig(learning_rate=7e-4, final_learning_rate=3e-4),
        900_000,
        5_000,
        (0,),
    ),
    "humanoid": Recipe(
        HUMANOID, SACConfig(hidden=(128, 128), learning_rate=7e-4), 1_000_000, 10_000, (0,)
    ),
}


def train_actors(
    robot: str,
    folder: str | os.PathLike[str],
    *,
    checkpoints: str | os.PathLike[str],
    noise: float,
    rungs: int = 12,
    episodes: int = 20,
    steps: int | None = None,
) -> Ladder:
    """Train a robot's actors and write their ladder to `folder`.

    Args:
        robot: a key of `RECIPES`.
        folder: appears when the ladder is complete.
        checkpoints: folder kept across interruptions; training goes on from there.
        noise: action noise while checkpoints are measured.
        rungs: checkpoints to keep.
        episodes: each kept checkpoint is measured over so many.
        steps: environment steps of training, instead of the recipe's.

    Raises:
        TTOError: there is no recipe for the robot.
    """
    recipe = RECIPES.get(robot)
    if recipe is None:
        raise TTOError(f"robot {robot!r} has no training recipe; known are {', '.join(RECIPES)}")
    files = []
    for seed in recipe.seeds:
        state = Path(checkpoints) / robot / f"seed{seed}"
        files += _train(recipe, state, seed=seed, steps=steps or recipe.steps)
    return build_ladder(
        recipe.env_id,
        files,
        folder,
        method="ars" if isinstance(recipe.settings, ARSConfig) else "sac",
        noise=noise,
        rungs=rungs,
        episodes=episodes,
    )


def _train(recipe: Recipe, state: Path, *, seed: int, steps: int) -> list[Path]:
    every = recipe.checkpoint_steps
    match recipe.settings:
        case ARSConfig() as config:
            return train_ars(
                recipe.env_id, state, config=config, seed=seed, steps=steps, checkpoint_steps=every
            )
        case SACConfig() as config:
            return train_sac(
                recipe.env_id, state, config=config, seed=seed, steps=steps, checkpoint_steps=every
            )


def build_ladder(
    env_id: str,
    files: Sequence[Path],
    folder: str | os.PathLike[str],
    *,
    method: str,
    noise: float,
    rungs: int = 12,
    episodes: int = 20,
) -> Ladder:
    """Measure checkpoints (a file's name ends in its training steps), keep the best spread."""
    candidates = [load_actor(file) for file in files]
    screened = [
        measure(env_id, actor, episodes=SCREENING_EPISODES, seed=0, noise=noise)[0]
        for actor in tqdm(candidates, unit="actor", disable=None)
    ]
    rows = []
    for index in choose_rungs(screened, count=rungs):
        actor = candidates[index]
        mean, std, length = measure(env_id, actor, episodes=episodes, seed=1, noise=noise)
        rows.append((round(mean, 1), round(std, 1), round(length, 1), index))
    rows.sort()
    kept = [
        Rung(
            rung=number,
            file=f"rung{number}.npz",
            method=method,
            training_steps=int(files[index].stem.rsplit("-", 1)[-1]),
            return_mean=mean,
            return_std=std,
            length_mean=length,
            episodes=episodes,
            noise=0.0 if candidates[index].stochastic else noise,
        )
        for number, (mean, std, length, index) in enumerate(rows)
    ]
    write_ladder(folder, [candidates[row[-1]] for row in rows], kept)
    return read_ladder(folder)
