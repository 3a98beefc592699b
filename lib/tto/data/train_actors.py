"""Train behaviour policies for a robot and keep some checkpoints as a ladder."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from tto.data.actors import load_actor
from tto.data.collect import measure
from tto.data.environments import HUMANOID
from tto.data.ladder import Ladder, Rung, choose_rungs, read_ladder, write_ladder
from tto.data.sac import SACConfig, train_sac
from tto.errors import TTOError
from tto.files import StrPath

EPISODES = 20  # episodes to measure each checkpoint


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of the training of a robot's actors.

    Attributes:
        env_id: environment.
        settings: settings of soft actor-critic.
        steps: environment steps of the training.
        checkpoint_steps: environment steps between two checkpoints.
    """

    env_id: str
    settings: SACConfig
    steps: int
    checkpoint_steps: int


RECIPES: dict[str, Recipe] = {
    "hopper": Recipe(
        "Hopper-v5", SACConfig(learning_rate=7e-4, final_learning_rate=3e-4), 600_000, 10_000
    ),
    "halfcheetah": Recipe("HalfCheetah-v5", SACConfig(final_learning_rate=6.5e-4), 300_000, 5_000),
    "walker2d": Recipe(
        "Walker2d-v5", SACConfig(learning_rate=7e-4, final_learning_rate=3e-4), 900_000, 5_000
    ),
    "humanoid": Recipe(
        HUMANOID, SACConfig(hidden=(128, 128), learning_rate=7e-4), 1_000_000, 10_000
    ),
}


def train_actors(
    robot: str,
    folder: StrPath,
    *,
    checkpoints: StrPath,
    later: int = 8,
    episodes: int = EPISODES,
    steps: int | None = None,
    seed: int = 0,
) -> Ladder:
    """Train a robot's actors and write their ladder to `folder`.

    Args:
        robot: a key of `RECIPES`.
        folder: folder of the ladder, which appears when the ladder is complete.
        checkpoints: folder of checkpoints, from which an interrupted training resumes.
        later: number of checkpoints above medium to keep.
        episodes: episodes to measure each checkpoint.
        steps: environment steps of training; None takes the recipe's.
        seed: seed of the training.

    Raises:
        TTOError: there is no recipe for the robot, or SBX is not installed.
    """
    recipe = RECIPES.get(robot)
    if recipe is None:
        raise TTOError(
            f"robot {robot!r}: expected one with a training recipe ({', '.join(RECIPES)}), got "
            "another; name one of them"
        )
    files = train_sac(
        recipe.env_id,
        Path(checkpoints) / robot / f"seed{seed}",
        config=recipe.settings,
        seed=seed,
        steps=steps or recipe.steps,
        checkpoint_steps=recipe.checkpoint_steps,
    )
    return build_ladder(recipe.env_id, files, folder, later=later, episodes=episodes)


def build_ladder(
    env_id: str,
    files: Sequence[Path],
    folder: StrPath,
    *,
    later: int = 8,
    episodes: int = EPISODES,
) -> Ladder:
    """Measure the checkpoints of a training and keep those that `choose_rungs` selects.

    Args:
        env_id: environment.
        files: checkpoints in the order of training; a file's name ends in its training steps.
        folder: folder of the ladder, which appears when the ladder is complete.
        later: number of checkpoints above medium to keep.
        episodes: episodes to measure each checkpoint.
    """
    actors = [load_actor(file) for file in files]
    measured = [
        measure(env_id, actor, episodes=episodes, seed=0, noise=0.0)
        for actor in tqdm(actors, unit="actor", disable=None)
    ]
    chosen = choose_rungs([mean for mean, _, _ in measured], later=later)
    chosen.sort(key=lambda index: measured[index][0])
    rungs = []
    for number, index in enumerate(chosen):
        mean, std, length = (round(value, 1) for value in measured[index])
        steps = int(files[index].stem.rsplit("-", 1)[-1])
        file = f"rung{number}.npz"
        rungs.append(Rung(number, file, "sac", steps, mean, std, length, episodes))
    write_ladder(folder, [actors[index] for index in chosen], rungs)
    return read_ladder(folder)
