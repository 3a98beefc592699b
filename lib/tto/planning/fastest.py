"""Which engine a controller uses where nothing else is asked for."""

import logging

from tto.model.transformer import TrajectoryTransformer
from tto.planning.cached import CachedEngine
from tto.planning.engine import Engine
from tto.planning.native import NativeEngine, Precision
from tto.planning.native_build import NativeUnavailable
from tto.planning.static import StaticEngine

LOGGER = logging.getLogger(__name__)


def fastest_engine(
    network: TrajectoryTransformer,
    *,
    precision: Precision = "float32",
    threads: int | None = None,
) -> Engine:
    """The native engine on a processor, graphs on CUDA devices, else the cached engine.

    The cached one serves also where the native one does not compile, and models of Gaussians.

    Args:
        precision: of the first two; the cached engine computes as the network does.
        threads: of the native engine; by default as many as PyTorch uses.
    """
    device = network.output.device.type
    if network.config.output == "gaussian":
        return CachedEngine(network)
    if device == "cuda":
        return StaticEngine(network, precision=precision)
    if device != "cpu":
        return CachedEngine(network)
    try:
        return NativeEngine(network, precision=precision, threads=threads)
    except NativeUnavailable as error:
        LOGGER.warning("%s; planning with the slower PyTorch engine", error)
        return CachedEngine(network)
