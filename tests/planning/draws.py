"""A sequence of draws that compares engines."""

from collections.abc import Sequence

import torch

from tto.planning.draw import DrawRule
from tto.planning.engine import Engine

RULES = [
    DrawRule(1),
    DrawRule(3, mass=0.6),
    DrawRule(7, centers=torch.linspace(-1, 1, 7)),
    DrawRule(1),
]


def draws_of(
    engine: Engine,
    contexts: torch.Tensor,
    *,
    rows_wanted: Sequence[int] = (9, 33, 5),
    rules: Sequence[DrawRule] = RULES,
    device: str = "cpu",
) -> list[torch.Tensor]:
    """Tokens, log-probabilities and expected values while 2 rows become 9, then 33, then 5."""
    generator = torch.Generator().manual_seed(0)
    engine.start(contexts.to(device), length=24)
    rows, out = len(contexts), []
    for wanted in rows_wanted:
        parents = torch.randint(rows, (wanted,), generator=generator)
        engine.select(parents.to(device))
        uniforms = torch.rand(wanted, len(rules), generator=generator)
        drawn = engine.draw(rules, uniforms.to(device))
        engine.append(drawn.tokens[:, -1])
        out += [drawn.tokens, drawn.log_probs, drawn.expected]
        rows = wanted
    return [values.cpu() for values in out]
