"""How many kernels does a planned token take, one operation at a time and compiled?

    python benchmarks/launches.py

The official model plans for hopper (four layers of width 128). Nothing is timed, and no GPU is
needed: operations are counted as they are dispatched, those of the compiled step in the code that
PyTorch's compiler wrote for the processor. Views cost nothing and are not counted.
"""

import argparse
import re
from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch._inductor.utils import run_and_get_code
from torch.utils._python_dispatch import TorchDispatchMode

from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.planning.draw import DrawRule
from tto.planning.static import StaticEngine

ROWS, CONTEXT = 64, 5 * 16 + 11
RULES = {
    "draw of an action": DrawRule(20),
    "reward, by its expectation": DrawRule(1, centers=torch.zeros(100)),
}
COMPOSITE_VIEWS = ("aten::unflatten.int", "aten::reshape", "aten::expand_as")
CALL = re.compile(r"^ +(?:\w+ = )?(?:cpp_fused\w*|extern_kernels\.\w+|torch\.ops\.\S+)\(", re.M)


class Operations(TorchDispatchMode):
    """Counts operations that make a new tensor or change one."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):
        self.count += not (function.is_view or function.name() in COMPOSITE_VIEWS)
        return function(*args, **(kwargs or {}))


class Counted(StaticEngine):
    """Counts what its steps take, by step."""

    def __init__(self, network: TrajectoryTransformer) -> None:
        super().__init__(network)
        self.counts: dict[Hashable, tuple[int, int]] = {}

    def _prepared(self, step: Callable[[], None]) -> Callable[[], object]:
        places = self._position.clone(), self._index.clone()
        with torch.no_grad(), Operations() as operations:
            step()
        self._position.copy_(places[0])
        self._index.copy_(places[1])
        compiled = torch.compile(step, fullgraph=True, dynamic=False)
        _, (code,) = run_and_get_code(compiled)
        self._position.copy_(places[0])
        self._index.copy_(places[1])
        self.counts[len(self.counts)] = operations.count, len(CALL.findall(code))
        return step


def main() -> None:
    """Count, and print a table."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    config = ModelConfig(observation_dim=11, action_dim=3, vocabulary=100, width=128, heads=4)
    engine = Counted(TrajectoryTransformer(config).eval())
    engine.start(torch.zeros(1, CONTEXT, dtype=torch.long), length=4)
    engine.select(torch.zeros(ROWS, dtype=torch.long))
    engine.append(torch.zeros(ROWS, dtype=torch.long))
    for rule in RULES.values():
        engine.draw([rule], torch.rand(ROWS, 1))
    print("| step | operations | kernels when compiled |\n|---|---:|---:|")
    names = ["pass through the network", *RULES]
    for name, (eager, compiled) in zip(names, engine.counts.values(), strict=True):
        print(f"| {name} | {eager} | {compiled} |")


if __name__ == "__main__":
    main()
