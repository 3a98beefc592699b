"""Rule tuning_table: the trials of all candidates on all datasets to one table."""

from tto.evaluation.sweeps import read_sweep
from tto.job import job
from tto.report.tables.formats import TableFiles
from tto.report.tables.tuning import write_tuning

with job(snakemake.log[0], snakemake.output):
    write_tuning(
        [read_sweep(path) for path in snakemake.input],
        snakemake.params.candidates,
        TableFiles(
            csv=snakemake.output.csv,
            markdown=snakemake.output.markdown,
            html=snakemake.output.html,
        ),
    )
