"""Shapes in the signatures of the numerical modules are checked while tests run."""

from jaxtyping import install_import_hook

install_import_hook(
    [
        "tto.tokens.reward_to_go",
        "tto.model.ensemble",
        "tto.model.propagation",
        "tto.model.transformer",
        "tto.model.foreign_bins",
        "tto.model.layouts",
        "tto.model.loss",
        "tto.model.windows",
        "tto.model.trained",
        "tto.analysis.attention",
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
        "tto.report.poses",
        "tto.report.rendering",
    ],
    "beartype.beartype",
)
