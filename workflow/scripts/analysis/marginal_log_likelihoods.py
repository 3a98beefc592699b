"""Rule marginal_log_likelihoods: the training data's own marginal on held-out episodes to rows."""

from tto.analysis.likelihood import cells_of
from tto.analysis.log_likelihoods import held_out_truth, write_log_likelihoods
from tto.analysis.marginal import marginal_rows, training_marginal
from tto.data.episodes import open_dataset
from tto.job import job
from tto.tokens.token_file import read_token_file

with job(snakemake.log[0], snakemake.output):
    tokens = read_token_file(snakemake.input.tokens)
    truth = held_out_truth(
        open_dataset(snakemake.input.held_out),
        dataset=snakemake.wildcards.dataset,
        cells=cells_of(tokens.discretizer, tokens.attributes.observation_dim),
        **snakemake.params.held_out,
    )
    marginal = training_marginal(open_dataset(snakemake.input.training), truth.cells)
    rows = marginal_rows(marginal, truth, trajectories=snakemake.params.trajectories)
    write_log_likelihoods(snakemake.output[0], [rows])
