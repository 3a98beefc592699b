"""Rule ensemble_log_likelihoods: an ensemble's predictions of held-out episodes to rows."""

from pathlib import Path

import torch

from tto.analysis.behavior import find_behavior
from tto.analysis.likelihood import cells_of
from tto.analysis.log_likelihoods import (
    METHODS,
    ensemble_rows,
    held_out_truth,
    write_log_likelihoods,
)
from tto.baselines.pets.ensemble import load_ensemble
from tto.data.episodes import open_dataset
from tto.job import job
from tto.tokens.token_file import read_token_file

with job(snakemake.log[0], snakemake.output):
    torch.set_num_threads(snakemake.threads)
    tokens = read_token_file(snakemake.input.tokens)
    truth = held_out_truth(
        open_dataset(snakemake.input.held_out),
        dataset=snakemake.wildcards.dataset,
        cells=cells_of(tokens.discretizer, tokens.attributes.observation_dim),
        **snakemake.params.held_out,
    )
    network = load_ensemble(Path(snakemake.input.weights).parent)
    acting = find_behavior(**snakemake.params.behavior).acting
    rows = [
        ensemble_rows(
            network,
            truth,
            name=f"ensemble_{method}{suffix}",
            seed=int(snakemake.wildcards.seed),
            trajectories=snakemake.params.trajectories,
            acting=acting if source == "sampled" else None,
            method=method,
        )
        for method in METHODS
        for suffix, source in snakemake.params.sources.items()
    ]
    write_log_likelihoods(snakemake.output[0], rows)
