"""SIGTERM and SIGINT as a stop request that is honoured at the end of an update.

Clusters send SIGTERM some time before they kill a job.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def catch_stop_signals(
    then: Callable[[], object] = lambda: None,
) -> Iterator[Callable[[], str | None]]:
    """Yield a function that returns the name of the first signal received so far, or None.

    A second SIGINT has its usual effect at once. A second SIGTERM is ignored, since Slurm sends
    SIGTERM to each process of a job and srun sends it once more; after a first SIGTERM it is
    ignored even after this context ends. Outside the main thread, signals are not caught.

    Args:
        then: called when the first signal is received.
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
