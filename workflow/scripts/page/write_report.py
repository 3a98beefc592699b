"""Rule report: all results and how they were made, on one page that opens offline."""

import logging
from pathlib import Path

import yaml

from tto.job import job
from tto.report.page.page import write_page
from tto.report.page.provenance import provenance
from tto.report.page.timings import rule_times

with job(snakemake.log[0], snakemake.output):
    config, workflow = Path(snakemake.input.config), Path(snakemake.scriptdir).parents[1]
    text = config.read_text()
    left_out = write_page(
        snakemake.output[0],
        config.parent,
        config=yaml.safe_load(text),
        config_text=text,
        captions=workflow / "report",
        provenance=provenance(
            # not the overlay's name, which is not the same for all that make these results
            command=f"snakemake --cores all --configfile {config}",
            repository=workflow.parent,
            results=config.parent,
        ),
        times=rule_times(config.parent / "benchmarks"),
        made=snakemake.input,
    )
    for name in left_out:
        logging.info("left out, being too large: %s", name)
