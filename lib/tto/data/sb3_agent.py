"""Any Stable-Baselines3 agent of a user's as a behaviour policy.

An agent's zip holds pickled Python objects: loading it runs what its author put there. Only a file
whose SHA-256 the user names is loaded; nothing else from outside is ever unpickled.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from tto.errors import TTOError, one_line
from tto.files import StrPath, content_digest

LIBRARIES = ("stable_baselines3", "sb3_contrib", "sbx")


class SB3Agent:
    """An agent that acts by its mean action; the collector adds the noise, so a seed repeats it."""

    stochastic = False

    def __init__(self, agent: Any) -> None:
        """Wrap a loaded agent."""
        self.agent = agent

    @property
    def spaces(self) -> tuple[Any, Any]:
        """Observation and action space that the agent was made for."""
        return self.agent.observation_space, self.agent.action_space

    def act(self, observation: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """The mean action for one observation."""
        action, _ = self.agent.predict(observation, deterministic=True)
        return np.asarray(action, dtype=np.float32)


def load_sb3_agent(path: StrPath, algorithm: str, sha256: str) -> SB3Agent:
    """Load a zip that `agent.save(path)` of an algorithm wrote. This trusts the file.

    Args:
        path: the zip.
        algorithm: the class that wrote it (`SAC`, `PPO`, `TQC`, ...), looked for in
            stable_baselines3, sb3_contrib and sbx; the first that can load the file does.
        sha256: of the file that is trusted.

    Raises:
        TTOError: the file is missing, another one than is trusted, or cannot be loaded, or no
            library has the algorithm.
    """
    if not Path(path).is_file():
        raise TTOError(f"{path}: no such file; agent: path names a Stable-Baselines3 zip")
    if (found := content_digest(path)) != sha256:
        raise TTOError(
            f"{path}: loading an agent runs code from its file, so it must be the one that agent: "
            f"sha256 names, {sha256!r}; its own is {found}: write that there if you trust the file"
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
            f"{path}: {algorithm} cannot load it ({'; '.join(reasons)}); name the algorithm that "
            "wrote it"
        )
    raise TTOError(
        f"agent: no installed library among {', '.join(LIBRARIES)} has the algorithm "
        f"{algorithm!r}; install the one that wrote {path}"
    )
