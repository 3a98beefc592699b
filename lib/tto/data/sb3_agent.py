"""A user's Stable-Baselines3 agent as a behaviour policy.

An agent's zip holds pickled Python objects, so loading it can run any code of its author. Only a
file whose SHA-256 the user has named is loaded; the library unpickles no other foreign file.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from tto.errors import TTOError, one_line
from tto.files import StrPath, content_digest

LIBRARIES = ("stable_baselines3", "sb3_contrib", "sbx")


class SB3Agent:
    """An agent that takes its mean action; the collector adds noise, so that a seed repeats it."""

    stochastic = False

    def __init__(self, agent: Any) -> None:
        """Wrap a loaded agent."""
        self.agent = agent

    @property
    def spaces(self) -> tuple[Any, Any]:
        """Observation and action space that the agent was made for."""
        return self.agent.observation_space, self.agent.action_space

    def act(
        self, observation: Float[np.ndarray, "O"], generator: np.random.Generator
    ) -> Float32[np.ndarray, "A"]:
        """The mean action for one observation; `generator` is ignored."""
        action, _ = self.agent.predict(observation, deterministic=True)
        return np.asarray(action, dtype=np.float32)


def load_sb3_agent(path: StrPath, algorithm: str, sha256: str) -> SB3Agent:
    """Load a zip that an agent's `save` wrote. Loading can run code from the file.

    Args:
        path: the zip.
        algorithm: name of the agent's class (`SAC`, `PPO`, `TQC`, ...). Of stable_baselines3,
            sb3_contrib and sbx, the first that has the class and can load the file is used.
        sha256: SHA-256 of the file that the user trusts.

    Raises:
        TTOError: the file is missing, is not the trusted one or cannot be loaded, or no library has
            the algorithm.
    """
    if not Path(path).is_file():
        raise TTOError(
            f"{path}: expected a Stable-Baselines3 zip, found no such file; correct agent: path"
        )
    if (found := content_digest(path)) != sha256:
        raise TTOError(
            f"{path}: expected the SHA-256 {sha256!r} of agent: sha256, got {found}; loading runs "
            "code from the file, so state its SHA-256 there only if you trust it"
        )
    reasons = []
    for library in LIBRARIES:
        try:
            loader = getattr(importlib.import_module(library), algorithm, None)
        except ImportError:
            continue
        if loader is None:
            continue
        try:
            return SB3Agent(loader.load(path))
        except Exception as error:  # whatever unpickling a foreign file raises
            reasons.append(f"{library}: {one_line(error)}")
    if reasons:
        raise TTOError(
            f"{path}: expected an agent of {algorithm}, got a file that it cannot load "
            f"({'; '.join(reasons)}); name the algorithm that wrote it"
        )
    raise TTOError(
        f"agent: expected a library with the algorithm {algorithm!r}, found none installed among "
        f"{', '.join(LIBRARIES)}; install the one that wrote {path}"
    )
