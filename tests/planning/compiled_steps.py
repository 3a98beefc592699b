"""Steps that are compiled for the processor equal the cached engine's."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from draws import RULES, draws_of
from small_world import random_contexts, random_model

from tto.planning.cached import CachedEngine
from tto.planning.static import StaticEngine

model = random_model()
contexts = random_contexts(model, 2, past=1)
expected, drawn = (
    draws_of(engine, contexts, rows_wanted=(5,), rules=RULES[1:3])
    for engine in (CachedEngine(model.network), StaticEngine(model.network, compiled=True))
)
torch.testing.assert_close(drawn, expected, atol=1e-5, rtol=1e-5)
