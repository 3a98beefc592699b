"""Lines of a dry run: for each kind of job their number, and why they would run."""

from collections import Counter, defaultdict
from logging import LogRecord
from pathlib import Path

from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_tto.console import Console
from snakemake_logger_plugin_tto.reasons import Why, why

MOST = 4  # changes that a line names


class DryRun:
    """What a dry run's console shows."""

    def __init__(self, full_text: Path) -> None:
        """Begin a dry run whose whole text is in the file `full_text`."""
        self._full_text = full_text
        self._other = Console()
        self._jobs: Counter[str] = Counter()
        self._why: dict[str, list[Why]] = defaultdict(list)
        self._makers: dict[str, str] = {}  # rules by the files that they make

    def text(self, record: LogRecord) -> str:
        """What to show of a record of Snakemake's log; "" for nothing."""
        event, given = getattr(record, "event", None), vars(record)
        if event == LogEvent.RUN_INFO:
            return ""
        if event == LogEvent.JOB_INFO:
            rule = given["rule_name"]
            self._jobs[rule] += 1
            self._why[rule].append(why(given["reason"]))
            self._makers |= {str(path): rule for path in given["output"]}
            return ""
        message = record.getMessage()
        if message.startswith("This was a dry-run"):
            return self.close()
        return self._other.text(record)

    def close(self) -> str:
        """The table of all jobs, if it was not shown yet."""
        if not self._jobs:
            return ""
        width = max(map(len, self._jobs))
        lines = [f"{'job':{width}}  count  why", f"{'-' * width}  -----  ---"]
        for rule, count in self._jobs.items():
            lines.append(f"{rule:{width}}  {count:5}  {self._reasons(rule)}".rstrip())
        lines.append(f"{'total':{width}}  {self._jobs.total():5}")
        lines.append(f"This was a dry run. Files and whole reasons: {self._full_text}")
        self._jobs.clear()
        return "\n".join(lines)

    def _reasons(self, rule: str) -> str:
        """Why the jobs of a rule would run: their own reasons, or the rules that they follow."""
        whys = self._why[rule]
        own = self._own(rule)
        if own:
            own = [self._with_its_key(reason) for reason in own]
            more = [f"{len(own) - MOST} more"] if len(own) > MOST else []
            return "; ".join(own[:MOST] + more)
        makers = dict.fromkeys(
            self._makers.get(path, path) for each in whys for path in each.updated
        )
        names = [name for name in makers if name != rule]
        shown = ", ".join(names[:MOST]) + (" ..." if len(names) > MOST else "")
        return f"after {shown}" if shown else ""

    def _own(self, rule: str) -> list[str]:
        return list(dict.fromkeys(reason for each in self._why[rule] for reason in each.reasons))

    def _with_its_key(self, reason: str) -> str:
        """A change with the whole key that it has in the reason of another job, as `config`'s."""
        ends = (f".{reason}", f": {reason}")
        longer = {other for rule in self._why for other in self._own(rule) if other.endswith(ends)}
        return max(longer, key=len) if "->" in reason and longer else reason
