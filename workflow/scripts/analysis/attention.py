"""Rule attention: a Transformer on held-out windows to a table of its heads and two maps."""

from pathlib import Path

import torch

from tto.analysis.heads_file import held_out_windows, measure_model, write_attention
from tto.data.episodes import open_dataset
from tto.job import job
from tto.model.device import device_named
from tto.model.trained import load
from tto.row_files import write_rows

with job(snakemake.log[0], snakemake.output, gpus=snakemake.resources.gpu):
    torch.set_num_threads(snakemake.threads)
    model = load(
        Path(snakemake.input.weights).parent, device=device_named(snakemake.config["device"])
    )
    held_out = open_dataset(snakemake.input.held_out)
    windows = held_out_windows(model, held_out, count=snakemake.params.windows)
    rows, attention = measure_model(model, windows, seed=int(snakemake.wildcards.seed))
    write_rows(snakemake.output.table, rows)
    write_attention(snakemake.output.maps, attention)
