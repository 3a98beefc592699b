"""Shapes in the signatures of the numerical modules are checked while tests run."""

from jaxtyping import install_import_hook

install_import_hook(
    [
        "tto.tokens.reward_to_go",
        "tto.baselines.ensemble",
        "tto.baselines.propagation",
        "tto.model.transformer",
        "tto.exchange.foreign_bins",
        "tto.exchange.layouts",
        "tto.training.loss",
        "tto.training.windows",
        "tto.model.trained",
        "tto.analysis.heads",
        "tto.analysis.likelihood",
        "tto.analysis.sampling",
        "tto.analysis.value_spread",
        "tto.planning.cached",
        "tto.planning.draw",
        "tto.planning.engine",
        "tto.planning.native",
        "tto.planning.search",
        "tto.planning.static",
        "tto.planning.uncached",
        "tto.report.drawing.poses",
        "tto.report.drawing.rendering",
    ],
    "beartype.beartype",
)
