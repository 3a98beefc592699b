"""Lines of a run: one for each job that ended, and the end of a failed job's log."""

import logging
from collections import Counter, defaultdict
from dataclasses import dataclass
from logging import LogRecord
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_tto.words import duration, is_routine, job_words, shortened

LOG_LINES = 30  # of a failed job
FIRST_ESTIMATE = 5  # jobs before which nothing is said about the time left
# Of a run's beginning, or said in other words.
SILENT = {
    LogEvent.WORKFLOW_STARTED,
    LogEvent.RESOURCES_INFO,
    LogEvent.JOB_STARTED,
    LogEvent.GROUP_INFO,
    LogEvent.SHELLCMD,
    LogEvent.PROGRESS,
    LogEvent.RULEGRAPH,
    LogEvent.DEBUG_DAG,
}


@dataclass(frozen=True)
class Running:
    """A job that was started or submitted."""

    rule: str
    words: str
    started: float  # seconds since the epoch


class Console:
    """What a run's console shows."""

    def __init__(self, *, show_logs: bool = True) -> None:
        """Begin a run.

        Args:
            show_logs: show the ends of failed jobs' logs.
        """
        self._show_logs = show_logs
        self._begun = 0.0
        self._planned: Counter[str] = Counter()  # jobs by rule
        self._seconds: dict[str, list[float]] = defaultdict(list)  # of ended jobs by rule
        self._running: dict[Any, Running] = {}

    def text(self, record: LogRecord) -> str:
        """What to show of a record of Snakemake's log; "" for nothing."""
        match getattr(record, "event", None):
            case LogEvent.RUN_INFO:
                return self._plan(record)
            case LogEvent.JOB_INFO:
                return self._start(record)
            case LogEvent.JOB_FINISHED:
                return self._end(record)
            case LogEvent.JOB_ERROR:
                return self._failure(record)
            case LogEvent.GROUP_ERROR:
                return self._group_failure(record)
            case event if event in SILENT:
                return ""
        message = record.getMessage()
        if record.levelno > logging.INFO:
            return message
        return "" if is_routine(message) else shortened(message)

    def running(self) -> str:
        """The jobs that run now, in at most 100 characters."""
        words = [job.words for job in self._running.values()]
        line = ", ".join(words)
        if len(line) > 90:
            line = f"{line[:80].rsplit(',', 1)[0]} ... ({len(words)} jobs)"
        return f"running: {line}" if line else ""

    def _plan(self, record: LogRecord) -> str:
        stats = dict(vars(record).get("stats") or {})
        total = stats.pop("total", sum(stats.values()))
        self._planned, self._begun = Counter(stats), record.created
        kinds = ", ".join(f"{count} {rule}" for rule, count in stats.items())
        return f"{total} jobs: {kinds}"

    def _start(self, record: LogRecord) -> str:
        given = vars(record)
        words = job_words(given["rule_name"], given["wildcards"])
        self._running[given["jobid"]] = Running(given["rule_name"], words, record.created)
        return ""

    def _end(self, record: LogRecord) -> str:
        job = self._running.pop(vars(record)["job_id"], None)
        if job is None:  # its start was silenced by --quiet
            return ""
        seconds = record.created - job.started
        self._seconds[job.rule].append(seconds)
        done, total = sum(map(len, self._seconds.values())), sum(self._planned.values())
        left = self._left(record.created) if FIRST_ESTIMATE <= done < total else None
        parts = [f"{done} of {total}", job.words, duration(seconds)]
        parts += [] if left is None else [f"about {duration(left)} left"]
        return "  ".join(parts)

    def _left(self, now: float) -> float:
        """Seconds until the end, if jobs of a rule take as long as those before, side by side."""
        taken = [second for seconds in self._seconds.values() for second in seconds]
        mean = {rule: sum(seconds) / len(seconds) for rule, seconds in self._seconds.items()}
        of_all = sum(taken) / len(taken)
        work = sum(
            (count - len(self._seconds.get(rule, ()))) * mean.get(rule, of_all)
            for rule, count in self._planned.items()
        )
        done_of_running = sum(
            min(now - job.started, mean.get(job.rule, of_all)) for job in self._running.values()
        )
        side_by_side = max(sum(taken) / max(now - self._begun, 1e-9), 1.0)
        return max(work - done_of_running, 0.0) / side_by_side

    def _failure(self, record: LogRecord) -> str:
        given = vars(record)
        job = self._running.pop(given["jobid"], None)
        words = job.words if job else given["rule_name"]
        after = f" after {duration(record.created - job.started)}" if job else ""
        lines = [f"FAILED: {words}{after}"]
        if message := given.get("rule_msg"):
            lines.append(f"    {message}")
        lines += [f"    {name}: {value}" for name, value in (given.get("aux") or {}).items()]
        for log in given.get("log") or ():
            lines += self._log_end(str(log))
        return "\n".join(lines)

    def _group_failure(self, record: LogRecord) -> str:
        given = vars(record)
        lines = [f"FAILED: group {given['groupid']}; its jobs:"]
        for log in given.get("aux_logs") or ():
            lines += self._log_end(str(log))
        return "\n".join(lines)

    def _log_end(self, path: str) -> list[str]:
        """The place of a log and, if they are to be shown, its last lines."""
        # Snakemake may add words after a path, as "(retrieve from storage)".
        lines = [f"    log: {path}"]
        if not self._show_logs:
            return lines
        try:
            content = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return [f"{lines[0]} (not there)"]
        if len(content) > LOG_LINES:
            lines.append(f"    ... {len(content) - LOG_LINES} lines before")
        return lines + content[-LOG_LINES:]
