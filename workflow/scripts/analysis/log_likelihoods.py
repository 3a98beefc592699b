"""Rule log_likelihoods: a Transformer's predictions of held-out episodes to rows of likelihoods."""

from pathlib import Path

import torch

from tto.analysis.likelihood import cells_of
from tto.analysis.log_likelihoods import held_out_truth, transformer_rows, write_log_likelihoods
from tto.data.episodes import open_dataset
from tto.job import job
from tto.model.device import device_named
from tto.model.trained import load
from tto.tokens.token_file import read_token_file

with job(snakemake.log[0], snakemake.output, gpus=snakemake.resources.gpu):
    torch.set_num_threads(snakemake.threads)
    tokens = read_token_file(snakemake.input.tokens)
    truth = held_out_truth(
        open_dataset(snakemake.input.held_out),
        dataset=snakemake.wildcards.dataset,
        cells=cells_of(tokens.discretizer, tokens.attributes.observation_dim),
        **snakemake.params.held_out,
    )
    model_folder = Path(snakemake.input.weights).parent
    rows = transformer_rows(
        load(model_folder, device=device_named(snakemake.config["device"])),
        truth,
        name=snakemake.wildcards.model,
        seed=int(snakemake.wildcards.seed),
        trajectories=snakemake.params.trajectories,
        actions=snakemake.params.actions,
    )
    write_log_likelihoods(snakemake.output[0], [rows])
