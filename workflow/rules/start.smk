# What is done when a run starts: one check, and two habits of Snakemake (9.27) that are mended.

import sys
import tempfile
from pathlib import Path

from snakemake.jobs import Job

from tto.job import line_for_user


def keep_records_of_failed_jobs():
    """Leave what is recorded of a file as it is where the job that makes it again fails.

    Else Snakemake records the new params of a job whose files it removes, or forgets the old ones. After a change of the
    config and a failed training, the next run would have nothing to do: the table of the old models would stay
    (github.com/snakemake/snakemake/pull/2966). Now it sees the change again, as after a kill.
    """
    failed = set()
    persistence = workflow.persistence
    postprocess, record = Job.postprocess, persistence.finished

    async def postprocess_job(job, *args, error=False, **options):
        (failed.add if error else failed.discard)(job)
        await postprocess(job, *args, error=error, **options)

    async def record_job(job):
        if job not in failed:
            await record(job)

    Job.postprocess = postprocess_job
    persistence.finished = record_job
    persistence.cleanup = lambda job: None


onstart:
    # One line before any job, not one a job. A dry run writes nothing and needs no such check.
    try:
        Path(RESULTS).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=RESULTS).close()
    except OSError as error:
        sys.exit(line_for_user(error) or f"Error: {error}")
    keep_records_of_failed_jobs()
    # Snakemake looks at all ready jobs again a second after each look, and once more a second for each job that
    # has ended: after some hundred jobs, half a core does nothing else. Without a limit of jobs a second it looks when
    # a job ends.
    workflow.scheduler.job_rate_limiter = None
