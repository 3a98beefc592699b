"""SIGTERM (clusters send it before they kill) and SIGINT as a request that can be waited with."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def asked_to_stop(
    then: Callable[[], object] = lambda: None,
) -> Iterator[Callable[[], str | None]]:
    """Yield a function that tells the name of the first signal that came meanwhile, or None.

    That signal calls `then`. A SIGINT that follows acts at once. A SIGTERM that follows does
    nothing, and if the first was one, too, not even later: Slurm sends it to each process of a job,
    and srun once more. Outside the main thread, signals stay as they are.
    """
    received: list[str] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def note(number: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, before[signal.SIGINT])
        received.append(signal.Signals(number).name)
        then()

    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in before.items():
            if signal.Signals(number).name not in received:
                signal.signal(number, handler)
