"""Load a model, let it act for some steps, and draw the beam of its next plan.

python examples/look_at_the_beam.py results/demo/models/hopper-medium-replay-v2/seed0 beam.png
"""

import sys

import numpy as np

import tto
from tto.data.environments import make_env
from tto.planning.levels import beam_levels
from tto.report.figures.beam import draw_beam


def main(folder: str, picture: str = "beam.png", steps: str = "40") -> None:
    model = tto.load(folder)
    controller = tto.Controller(
        model, beam_width=32, horizon=4, expansion=4, context=0, observation_top=2, seed=0
    )
    env = make_env(model.tokens.env)
    observation, _ = env.reset(seed=0)
    for _ in range(int(steps)):
        action = controller.act(observation)
        observation, reward, terminated, truncated, _ = env.step(action.astype("float32"))
        controller.observe(action, np.array(reward))
        if terminated or truncated:
            break

    levels = beam_levels(controller, observation)
    for depth, level in enumerate(levels, start=1):
        best, worst = level.scores[[0, -1]]
        print(f"{depth} transitions: {len(level.scores)} kept, scores {worst:.1f} to {best:.1f}")
    print("first action of the best sequence:", levels[-1].actions[0, 0].round(2))
    draw_beam(levels, [picture])


if __name__ == "__main__":
    main(*sys.argv[1:])
