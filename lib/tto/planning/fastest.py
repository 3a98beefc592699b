"""Which engine a controller uses where nothing else is asked for."""

import logging

from tto.model.transformer import TrajectoryTransformer
from tto.planning.cached import CachedEngine
from tto.planning.engine import Engine
from tto.planning.native import NativeEngine, Precision
from tto.planning.native_build import NativeUnavailable

LOGGER = logging.getLogger(__name__)


def fastest_engine(
    network: TrajectoryTransformer,
    *,
    precision: Precision = "float32",
    threads: int | None = None,
) -> Engine:
    """The native engine on a processor, else (or where it does not compile) the cached one.

    Args:
        precision: of the native engine; the cached one computes as the network does.
        threads: of the native engine; by default as many as PyTorch uses.
    """
    if network.output.device.type != "cpu":
        return CachedEngine(network)
    try:
        return NativeEngine(network, precision=precision, threads=threads)
    except NativeUnavailable as error:
        LOGGER.warning("%s; planning with the slower PyTorch engine", error)
        return CachedEngine(network)
