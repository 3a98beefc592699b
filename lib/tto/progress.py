"""Progress of long work: a bar in a terminal, else a line a minute in the log."""

import logging
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any

from tqdm import tqdm

LOGGER = logging.getLogger(__name__)
SECONDS = 60.0  # between two lines of the log


class Progress:
    """A count that is shown while it grows, and once more at its end."""

    def __init__(
        self,
        iterable: Iterable[Any] | None = None,
        *,
        name: str = "",
        total: float | None = None,
        initial: float = 0,
        unit: str = "it",
        **bar: Any,
    ) -> None:
        """Begin to count.

        Args:
            iterable: things that are counted as the loop takes them.
            name: what is being done.
            total: the count at the end, if it is known.
            initial: the count at the beginning, of work that goes on.
            unit: what is counted.
            bar: further arguments of the terminal's bar (`tqdm`).
        """
        if total is None and isinstance(iterable, Sized):
            total = len(iterable)
        self._iterable, self._name, self._total, self._unit = iterable, name, total, unit
        self._initial = self._count = initial
        self._note, self._closed = "", False
        self._started = time.monotonic()
        self._due = self._started + SECONDS
        self._bar = tqdm(
            total=total, initial=initial, desc=name or None, unit=unit, disable=None, **bar
        )

    def update(self, count: float = 1) -> None:
        """Add to the count."""
        self._count += count
        self._bar.update(count)
        now = time.monotonic()
        if now >= self._due:
            self._due = now + SECONDS
            self._log(now)

    def note(self, text: str) -> None:
        """Words on the state of the work, shown beside the count."""
        self._note = text
        self._bar.set_postfix_str(text, refresh=False)  # the bar is drawn as it is due

    def close(self) -> None:
        """Show the end."""
        if not self._closed:
            self._closed = True
            self._bar.close()
            self._log(time.monotonic())

    def _log(self, now: float) -> None:
        seconds = now - self._started
        done = f"{self._count:.0f}" + (f" of {self._total:.0f}" if self._total else "")
        parts = [f"{done} {self._unit}", f"{seconds:.0f} s"]
        made = self._count - self._initial
        if self._total and made > 0 and self._count < self._total:
            parts.append(f"{seconds * (self._total - self._count) / made:.0f} s left")
        parts += [self._note] if self._note else []
        LOGGER.info("%s", f"{self._name}: {', '.join(parts)}".removeprefix(": "))

    def __iter__(self) -> Iterator[Any]:
        with self:
            for each in self._iterable or ():
                yield each
                self.update()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
