"""The choice of the fastest engine for a model and its device."""

import logging

from tto.model.native_build import NativeUnavailable
from tto.model.transformer import TrajectoryTransformer
from tto.planning.cached import CachedEngine
from tto.planning.engine import Engine
from tto.planning.native import NativeEngine, Precision
from tto.planning.static import StaticEngine

LOGGER = logging.getLogger(__name__)


def fastest_engine(
    network: TrajectoryTransformer,
    *,
    precision: Precision = "float32",
    threads: int | None = None,
    compiled: bool = False,
) -> Engine:
    """The native engine on a processor, CUDA graphs on CUDA devices, else the cached engine.

    The cached engine is also used if the native one does not compile, and for models with Gaussian
    outputs.

    Args:
        precision: precision of the native engine and of CUDA graphs; the cached engine computes in
            the network's own.
        compiled: whether the steps that become CUDA graphs are compiled first (`StaticEngine`);
            the other engines have no use for it.
        threads: number of threads of the native engine; by default as many as PyTorch uses.
    """
    device = network.output.device.type
    if network.config.output == "gaussian":
        return CachedEngine(network)
    if device == "cuda":
        return StaticEngine(network, precision=precision, compiled=compiled)
    if device != "cpu":
        return CachedEngine(network)
    try:
        return NativeEngine(network, precision=precision, threads=threads)
    except NativeUnavailable as error:
        LOGGER.warning("%s; planning with the slower PyTorch engine", error)
        return CachedEngine(network)
