"""Three changes of Snakemake's behaviour while it runs, for the versions that they were tried with.

1. Snakemake records the new params of a job whose files it removes, or forgets the old ones. So
   after a change of the config and a failed training, the next run would have nothing to do, and
   the table of the old models would stay (github.com/snakemake/snakemake/pull/2966). With the
   change, the records of a file stay as they are if the job that makes it again fails.
2. Snakemake examines all ready jobs a second after each scheduling, and once more for each job that
   has ended. After some hundred jobs this takes half a core. Without a limit of jobs a second, it
   schedules when a job ends.
3. Its plugin for Slurm names the folder of a job's logs by all wildcards. Names that fit alone do
   not fit together; such a folder's is cut.

Another version of Snakemake, or one without the parts that are changed, keeps its own behaviour.
"""

import inspect
import sys
from typing import Any

from packaging.specifiers import SpecifierSet

from tto.files import cut_name

TRIED = "snakemake>=9.27,<9.28"  # as in pyproject.toml
_LONGEST = 200  # characters of a folder's name; file systems take 255


def apply_patches(workflow: Any, job_class: Any, *, version: str) -> str | None:
    """Apply all changes to a running workflow, or return a line that says why not.

    Args:
        workflow: Snakemake's object of that name, as a Snakefile sees it.
        job_class: `snakemake.jobs.Job`.
        version: Snakemake's version.
    """
    if version not in SpecifierSet(TRIED.removeprefix("snakemake")):
        return _own_behaviour(f"version {version} was not tried, only {TRIED}")
    missing = _missing_parts(workflow, job_class)
    if missing:
        return _own_behaviour(f"it has no {', '.join(missing)}")
    _keep_records_of_failed_jobs(workflow.persistence, job_class)
    workflow.scheduler.job_rate_limiter = None
    if plugin := sys.modules.get("snakemake_executor_plugin_slurm"):
        cut_log_folders(plugin)
    return None


def cut_log_folders(plugin: Any) -> None:
    """Let Snakemake's plugin for Slurm name no folder by more than a file system takes."""
    join = plugin.get_job_wildcards

    def join_and_cut(job: Any) -> str:
        name = join(job)
        return name if len(name) <= _LONGEST else cut_name(name, _LONGEST)

    plugin.get_job_wildcards = join_and_cut


def _own_behaviour(reason: str) -> str:
    return (
        f"Snakemake is left as it is: {reason}. A run after a failed one may miss a change of the "
        "config; remove the outputs of a failed job that changed."
    )


def _missing_parts(workflow: Any, job_class: Any) -> list[str]:
    """Parts of Snakemake that the changes need, and that are not there."""
    persistence = getattr(workflow, "persistence", None)
    there = {
        "Job.postprocess(error=)": "error" in _parameters(getattr(job_class, "postprocess", None)),
        "persistence.finished(job)": "job" in _parameters(getattr(persistence, "finished", None)),
        "persistence.cleanup(job)": "job" in _parameters(getattr(persistence, "cleanup", None)),
        "scheduler.job_rate_limiter": hasattr(
            getattr(workflow, "scheduler", None), "job_rate_limiter"
        ),
    }
    return [name for name, found in there.items() if not found]


def _parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters) if callable(function) else []


def _keep_records_of_failed_jobs(persistence: Any, job_class: Any) -> None:
    failed = set()
    postprocess, record = job_class.postprocess, persistence.finished

    async def postprocess_job(job: Any, *args: Any, error: bool = False, **options: Any) -> None:
        (failed.add if error else failed.discard)(job)
        await postprocess(job, *args, error=error, **options)

    async def record_job(job: Any) -> None:
        if job not in failed:
            await record(job)

    job_class.postprocess = postprocess_job
    persistence.finished = record_job
    persistence.cleanup = lambda job: None
