"""Checks of compiled training, in a process without the tests' checks of shapes.

Those wrap each function, and PyTorch cannot compile the wrappers. `test_compiled.py` runs this.
"""

import functools
import itertools
import sys
from pathlib import Path

import numpy as np
import torch

from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.tokens.discretizer import Discretizer
from tto.tokens.token_file import TokenAttributes, TokenBlock, write_token_file
from tto.training.config import TrainingConfig
from tto.training.optimizers import OptimizerConfig
from tto.training.state import TrainingState
from tto.training.train import train

# fullgraph: an error where the graph would break
compiled = functools.partial(torch.compile, backend="aot_eager", fullgraph=True)


def check_one_graph(dropout_at: str, attend_values: bool) -> None:
    """The compiled network computes what the plain one does, with and without dropout."""
    config = ModelConfig(
        observation_dim=2,
        action_dim=1,
        vocabulary=8,
        layers=2,
        heads=2,
        width=16,
        block_tokens=20,
        dropout=0.5,
        dropout_at=dropout_at,
        attend_values=attend_values,
    )
    network = TrajectoryTransformer(config, generator=torch.Generator().manual_seed(0))
    tokens = torch.randint(8, (3, 19), generator=torch.Generator().manual_seed(1))
    run = compiled(network)
    torch.testing.assert_close(run(tokens), network(tokens))

    def dropped(function, seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return function(tokens, generator="global")

    torch.testing.assert_close(dropped(run, 0), dropped(network, 0))
    assert not torch.equal(dropped(run, 0), dropped(run, 1))
    assert not torch.equal(dropped(run, 0), run(tokens))
    dropped(run, 0).square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def check_training(folder: Path) -> None:
    """A compiled training that was cut resumes to the same weights as one that was not."""
    torch.compile = compiled
    rows = (np.arange(40)[:, None] + np.arange(5)).astype(np.uint8) % 4
    tokens = folder / "toy-v0.h5"
    write_token_file(
        tokens,
        [TokenBlock(rows, [20, 20], [True, True], np.zeros((2, 2), np.uint8))],
        attributes=TokenAttributes("toy-v0", "Toy-v0", 2, 1, 4, "uniform", 0.99, True, None),
        discretizer=Discretizer("uniform", np.tile(np.arange(5.0), (5, 1))),
        source_digest="0" * 64,
    )
    optimizer = OptimizerConfig(optimizer="adam", learning_rate=1e-2, warmup_updates=5)
    settings = TrainingConfig(
        epochs=4,
        batch_size=8,
        optimizer=optimizer,
        held_out_fraction=0.2,
        evaluate_every=7,
        checkpoint_every=5,
        short_windows=0.5,
        compile=True,
    )
    sizes = {"layers": 1, "heads": 2, "width": 8, "block_tokens": 15, "dropout": 0.1}

    def run(name: str):
        more = {"model": sizes, "training": settings, "seed": 0}
        return train(tokens, folder / name, **more, checkpoints=folder / f"checkpoints-{name}")

    whole = run("whole")
    original = TrainingState._make_update

    def failing(self):
        if self.update == 6:
            raise KeyboardInterrupt
        return original(self)

    TrainingState._make_update = failing
    try:
        run("cut")
    except KeyboardInterrupt:
        TrainingState._make_update = original
    resumed = run("cut")
    for name, tensor in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], tensor, rtol=0, atol=0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for case in itertools.product(("block", "gpt"), (False, True)):
        torch.compiler.reset()
        check_one_graph(*case)
    torch.compiler.reset()
    check_training(Path(sys.argv[1]))
