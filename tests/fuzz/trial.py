"""A process of its own that opens hostile files, since a fault might end it.

It reads lines of JSON `[name of a case, arguments]` and answers each by "ok", by the line of a
TTOError, or by the traceback of any other exception.
"""

import json
import resource
import select
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

SECONDS = 20  # for one example
FIRST_SECONDS = 400  # for the imports and, before it is cached, the native engine's compilation
MEMORY = 6 * 2**30  # address space of the process; PyTorch alone takes half of it


class Trial:
    """The process, seen from a test."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def __call__(self, case: str, *arguments: Any) -> str:
        """Run a case; return "ok" or the line of its TTOError.

        Raises:
            AssertionError: another exception, a crash, too much time, or several lines.
        """
        seconds = SECONDS
        if self.process is None:
            seconds = FIRST_SECONDS
            self.process = subprocess.Popen(
                [sys.executable, __file__], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([case, *map(str, arguments)]) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        answer = self.process.stdout.readline() if ready else ""
        if not answer:
            self.close()
            raise AssertionError(f"{case}: no answer: it crashed or took over {seconds} s")
        kind, line = json.loads(answer)
        assert kind in ("ok", "TTOError"), line
        assert "\n" not in line
        assert len(line) < 1500, line
        return line if kind == "TTOError" else "ok"

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            with self.process:  # closes the pipes
                self.process.kill()
            self.process = None


def plan(folder: str) -> None:
    import numpy as np

    from tto.model.trained import load
    from tto.planning.controller import Controller
    from tto.planning.native import NativeEngine

    model = load(folder)
    goal = np.zeros(model.tokens.observation_dim) if model.config.goal else None
    objective = "return" if goal is None else "goal"
    engine = NativeEngine(model.network, threads=1) if model.config.output != "gaussian" else None
    controller = Controller(
        model, objective=objective, goal=goal, engine=engine, beam_width=2, horizon=1
    )
    observation = np.zeros(model.tokens.observation_dim)
    for _ in range(2):
        controller.observe(controller.act(observation), 0.0)


def act(folder: str) -> None:
    import numpy as np

    from tto.baselines.policies import load_policy

    policy = load_policy(folder).policy
    actions = policy.act(np.zeros((1, 3)))
    assert np.isfinite(actions).all()


def ensemble(folder: str) -> None:
    from tto.baselines.pets.ensemble import load_ensemble

    load_ensemble(folder)


def imported(folder: str) -> None:
    from tto.exchange.pretrained import ImportSettings, import_model

    import_model(folder, given=ImportSettings(env="Hopper-v5"))


def resume(folder: str) -> None:
    from tto.training.checkpoint import load_checkpoint

    load_checkpoint(Path(folder))


CASES = {case.__name__: case for case in (plan, act, ensemble, imported, resume)}


def answer(case: str, arguments: list[str]) -> tuple[str, str]:
    from tto.errors import TTOError

    try:
        CASES[case](*arguments)
        return "ok", ""
    except TTOError as error:
        return "TTOError", str(error)
    except BaseException:
        return "other", traceback.format_exc()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for text in sys.stdin:
        name, *given = json.loads(text)
        print(json.dumps(answer(name, given)), flush=True)
