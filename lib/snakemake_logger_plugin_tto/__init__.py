"""Snakemake's console with one line a job; `profiles/*/config.yaml` switch it on by `logger: tto`.

Snakemake looks for logger plugins among top-level packages named `snakemake_logger_plugin_*`. It
imports them in each job, too, so this package imports little.
"""

import contextlib
import sys
from logging import LogRecord
from pathlib import Path
from typing import TextIO

from snakemake_interface_logger_plugins.base import LogHandlerBase

from snakemake_logger_plugin_tto.console import Console
from snakemake_logger_plugin_tto.dry_run import DryRun

FULL_TEXT = Path(".snakemake/log/dry-run.log")  # of a dry run; Snakemake itself keeps a run's


class LogHandler(LogHandlerBase):
    """Writes short lines to the console; with `--verbose` and the like, Snakemake's own text."""

    def __post_init__(self) -> None:
        given = self.common_settings
        self._stream = sys.stdout if given.stdout else sys.stderr
        self._own_text = given.verbose or given.debug_dag or given.printshellcmds
        self._dry_run = DryRun(FULL_TEXT) if given.dryrun else None
        self._console = Console(show_logs=given.show_failed_logs)
        self._full: TextIO | None = None
        self._status = ""

    def emit(self, record: LogRecord) -> None:
        """Write what the console shows of a record, if anything."""
        # An error here would end the thread that writes, and so all output.
        with contextlib.suppress(Exception):
            own = self.format(record)
            if self._dry_run is not None:
                self._keep(own)
            try:
                text = own if self._own_text else self._short(record)
            except Exception:
                text = own
            self._write("" if text == "None" else text)

    def _short(self, record: LogRecord) -> str:
        return (self._dry_run or self._console).text(record)

    def _write(self, text: str) -> None:
        terminal = not self.common_settings.nocolor and self._stream.isatty()
        status = self._console.running() if terminal and not self._own_text else ""
        if text or status != self._status:
            clear = "\r\033[K" if self._status else ""
            self._stream.write(clear + (f"{text}\n" if text else "") + status)
            self._stream.flush()
            self._status = status

    def _keep(self, text: str) -> None:
        """Write Snakemake's own text to the file for it."""
        with contextlib.suppress(OSError):
            if self._full is None:
                FULL_TEXT.parent.mkdir(parents=True, exist_ok=True)
                self._full = FULL_TEXT.open("w", encoding="utf-8")
            print(text, file=self._full, flush=True)

    def close(self) -> None:
        """Finish the last line and the file."""
        with contextlib.suppress(Exception):
            if self._dry_run is not None and (rest := self._dry_run.close()):
                self._write(rest)
            if self._status:
                self._stream.write("\r\033[K")
                self._stream.flush()
            if self._full is not None:
                self._full.close()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """In place of Snakemake's own console."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """No; a dry run's file is one of Snakemake's own text."""
        return False

    @property
    def has_filter(self) -> bool:
        """No; Snakemake's own one minds `--quiet`."""
        return False

    @property
    def has_formatter(self) -> bool:
        """No; `format` makes Snakemake's own text."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """No."""
        return False
