"""Rule film: a dataset's first evaluated episodes to an animated picture."""

import logging

from tto.data.environments import robot_of
from tto.evaluation.headless import choose_renderer
from tto.evaluation.rollout_file import read_rollout
from tto.job import job
from tto.report.drawing.robots import DRAWN

with job(snakemake.log[0], snakemake.output):
    read = [read_rollout(path) for path in snakemake.input]
    named = [*zip(snakemake.params.names, read, strict=True)]
    env_id = read[0][1]["env_id"]
    if robot_of(env_id) in DRAWN:
        from tto.report.figures.films import Filmed, write_film

        episodes = [Filmed(name, rollout) for name, (rollout, _) in named]
        write_film(snakemake.output[0], episodes, env_id=env_id)
    else:
        choose_renderer()  # before MuJoCo is imported
        from tto.report.figures.replays import Replayed, write_replay

        again = [Replayed(name, one, facts["evaluation_seed"]) for name, (one, facts) in named]
        if reason := write_replay(snakemake.output[0], again, env_id=env_id):
            logging.warning("no film: %s", reason)
