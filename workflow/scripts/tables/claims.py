"""Rule claims: a run's rows to a verdict on each claim of the paper."""

from tto.job import job
from tto.report.claims.claim import judge_all
from tto.report.claims.claims import CLAIMS
from tto.report.claims.evidence import read_evidence
from tto.report.claims.table import write_claims
from tto.report.tables.formats import TableFiles

with job(snakemake.log[0], snakemake.output):
    inputs = snakemake.input
    evidence = read_evidence(
        rollouts=inputs.rollouts or None,
        statistics=inputs.statistics,
        goals=inputs.goals or None,
        sweeps=inputs.sweeps,
        likelihoods=inputs.likelihoods or None,
        heads=inputs.heads or None,
        answers=inputs.answers,
        times=inputs.times,
        plan_times=inputs.plan_times or None,
        metrics=inputs.metrics,
    )
    write_claims(
        judge_all(CLAIMS, evidence),
        TableFiles(
            csv=snakemake.output.csv,
            markdown=snakemake.output.markdown,
            html=snakemake.output.html,
        ),
    )
