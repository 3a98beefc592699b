"""Rule plan_times: sizes of a model and a search to the time of a plan."""

import torch

from tto.evaluation.plan_times import plan_times
from tto.job import job
from tto.model.device import device_named
from tto.row_files import write_rows

with job(snakemake.log[0], snakemake.output, gpus=snakemake.resources.gpu):
    torch.set_num_threads(snakemake.threads)
    sizes = snakemake.params.sizes
    rows = plan_times(
        model=sizes["model"],
        planning={"precision": snakemake.params.precision} | sizes["planning"],
        device=device_named(snakemake.params.device),
    )
    write_rows(snakemake.output[0], rows)
