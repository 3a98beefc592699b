"""Rule loss_ladder: episodes of all rungs to one figure."""

import pandas as pd

from tto.evaluation.loss_ladder import COLUMNS
from tto.job import job
from tto.report.figures.loss_ladder import draw_loss_ladder
from tto.report.numbers.dataset_statistics import read_statistics
from tto.row_files import read_rows

with job(snakemake.log[0], snakemake.output):
    parts = [
        read_rows(path, COLUMNS, what="a ladder", remedy="play again", optional=["score"])
        for path in snakemake.input.rows
    ]
    draw_loss_ladder(
        pd.concat(parts, ignore_index=True),
        read_statistics(snakemake.input.statistics),
        list(snakemake.output),
        dpi=snakemake.params.report["dpi"],
    )
