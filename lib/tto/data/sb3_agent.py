"""A user's Stable-Baselines3 agent as a behaviour policy.

An agent's zip holds pickled Python objects, so loading it can run any code of its author. Only a
file whose SHA-256 the user has named is loaded; the library unpickles no other foreign file.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32

from tto.errors import TTOError, one_line
from tto.files import StrPath, content_digest

LIBRARIES = ("stable_baselines3", "sb3_contrib", "sbx")


# Algorithms whose agents have no distribution of actions.
DETERMINISTIC = ("ARS", "DDPG", "DQN", "QRDQN", "TD3")


class SB3Agent:
    """An agent that draws its actions, or takes its mean action, to which the collector adds noise.

    Attributes:
        agent: the loaded agent.
        stochastic: whether it draws its actions.
    """

    def __init__(self, agent: Any, *, stochastic: bool) -> None:
        """Wrap a loaded agent."""
        self.agent = agent
        self.stochastic = stochastic

    @property
    def spaces(self) -> tuple[Any, Any]:
        """Observation and action space that the agent was made for."""
        return self.agent.observation_space, self.agent.action_space

    def act(
        self, observation: Float[np.ndarray, "O"], generator: np.random.Generator
    ) -> Float32[np.ndarray, "A"]:
        """Draw an action for one observation; an agent that is not stochastic draws nothing."""
        if not self.stochastic:
            action, _ = self.agent.predict(observation, deterministic=True)
            return np.asarray(action, dtype=np.float32)
        # The libraries draw from PyTorch's generator, or from a key of their own.
        seed = int(generator.integers(2**31))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if hasattr(self.agent.policy, "noise_key"):
                self.agent.policy.key = _jax_key(seed)
            action, _ = self.agent.predict(observation, deterministic=False)
        return np.asarray(action, dtype=np.float32)


def _jax_key(seed: int) -> Any:
    import jax  # pyright: ignore[reportMissingImports]  # comes with SBX

    return jax.random.PRNGKey(seed)


def load_sb3_agent(
    path: StrPath, algorithm: str, sha256: str, *, deterministic: bool | None = None
) -> SB3Agent:
    """Load a zip that an agent's `save` wrote. Loading can run code from the file.

    Args:
        path: the zip.
        algorithm: name of the agent's class (`SAC`, `PPO`, `TQC`, ...). Of stable_baselines3,
            sb3_contrib and sbx, the first that has the class and can load the file is used.
        sha256: SHA-256 of the file that the user trusts.
        deterministic: whether the agent takes its mean action; None means that it draws its actions
            unless its algorithm is one of `DETERMINISTIC`.

    Raises:
        TTOError: the file is missing, is not the trusted one or cannot be loaded, no library has
            the algorithm, or its agents have no distribution to draw from.
    """
    if deterministic is None:
        deterministic = algorithm in DETERMINISTIC
    elif not deterministic and algorithm in DETERMINISTIC:
        raise TTOError(
            f"agent: expected deterministic: true for {algorithm}, whose agents have no "
            "distribution of actions, got false; take the key out, and set collect: noise"
        )
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
            return SB3Agent(loader.load(path), stochastic=not deterministic)
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
