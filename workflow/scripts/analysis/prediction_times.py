"""Rule prediction_times: a Transformer and an ensemble to CPU seconds of a predicted step."""

from pathlib import Path

import torch

from tto.analysis.likelihood import cells_of
from tto.analysis.log_likelihoods import held_out_truth
from tto.analysis.prediction_times import prediction_times
from tto.baselines.pets.ensemble import load_ensemble
from tto.data.episodes import open_dataset
from tto.job import job
from tto.model.trained import load
from tto.row_files import write_rows

with job(snakemake.log[0], snakemake.output):
    torch.set_num_threads(snakemake.threads)
    timing = snakemake.params.timing
    model = load(Path(snakemake.input.weights).parent)
    truth = held_out_truth(
        open_dataset(snakemake.input.held_out),
        dataset=snakemake.wildcards.dataset,
        episodes=1,
        steps=timing["steps"],
        cells=cells_of(model.discretizer, model.tokens.observation_dim),
    )
    (episode,) = truth.episodes.values()
    rows = prediction_times(
        model,
        load_ensemble(Path(snakemake.input.ensemble).parent),
        episode,
        seed=int(snakemake.wildcards.seed),
        **timing,
    )
    write_rows(snakemake.output[0], rows)
