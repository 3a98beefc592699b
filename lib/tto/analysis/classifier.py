"""Can two sets of trajectories be told apart? A classifier's right answers say how well.

Each trajectory is summed up by a few numbers a dimension, and a logistic regression learns to tell
the sets apart by them. It is asked about trajectories that it has not seen (cross-validation), so
half of its answers are right where there is nothing to tell, and all where the sets are far apart.
This module does not know where trajectories come from.

Letters: N trajectories, T steps, O dimensions.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize
from scipy.special import expit

from tto.errors import TTOError

FOLDS = 10  # at most
_LEAST_STEPS = 3  # for a correlation of neighbours
_PENALTY = 1.0  # half of it times the squared weights joins the loss, as is usual


def features(trajectories: Float[np.ndarray, "N T O"]) -> Float[np.ndarray, "N features"]:
    """Four numbers a dimension: mean, deviation, mean size of a step, correlation of neighbours.

    The correlation (autocorrelation at lag 1) of a dimension that does not move is 0.

    Raises:
        TTOError: too few steps, or a value that is NaN or infinite.
    """
    steps = trajectories.shape[1]
    if steps < _LEAST_STEPS or not np.isfinite(trajectories).all():
        raise TTOError(
            f"telling apart: expected finite trajectories of {_LEAST_STEPS} or more steps, got "
            f"{steps} steps or NaN or infinity; set model_analysis.prediction.steps higher, or "
            "train the models for longer"
        )
    mean = trajectories.mean(axis=1, keepdims=True)
    around = trajectories - mean
    variance = around.var(axis=1)
    products = (around[:, 1:] * around[:, :-1]).sum(axis=1)
    still = variance <= 1e-12 * (1 + mean[:, 0] ** 2)
    correlation = np.where(still, 0.0, products / np.where(still, 1.0, steps * variance))
    sizes = np.abs(np.diff(trajectories, axis=1)).mean(axis=1)
    return np.concatenate([mean[:, 0], np.sqrt(variance), sizes, correlation], axis=1)


def right_answers(
    real: Float[np.ndarray, "N T O"], predicted: Float[np.ndarray, "N T O"]
) -> Bool[np.ndarray, "2 N"]:
    """Whether each trajectory, first the real ones, is taken for what it is.

    Trajectories with the same number stay in one fold, since they may share a first state. The
    folds are numbers modulo their count, so nothing is drawn.

    Raises:
        TTOError: fewer than two of each set, sets of different shapes, or what `features` raises.
    """
    N = len(real)
    if N < 2 or real.shape != predicted.shape:
        raise TTOError(
            "telling apart: expected two or more trajectories of each kind, of one shape, got "
            f"{real.shape} and {predicted.shape}; set model_analysis.indistinguishable."
            "trajectories higher"
        )
    inputs = np.concatenate([features(real), features(predicted)])
    labels = np.repeat([False, True], N)
    folds = np.tile(np.arange(N) % min(FOLDS, N), 2)
    right = np.empty(2 * N, bool)
    for fold in range(min(FOLDS, N)):
        asked = folds == fold
        right[asked] = _classify(inputs[~asked], labels[~asked], inputs[asked]) == labels[asked]
    return right.reshape(2, N)


def _classify(
    inputs: Float[np.ndarray, "n features"],
    labels: Bool[np.ndarray, " n"],
    asked: Float[np.ndarray, "m features"],
) -> Bool[np.ndarray, " m"]:
    """Labels of `asked` by a logistic regression of `labels` on standardised `inputs`."""
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
    deviation[deviation == 0] = 1.0
    x, signs = (inputs - mean) / deviation, np.where(labels, 1.0, -1.0)

    def loss(weights: Float[np.ndarray, " w"]) -> tuple[float, Float[np.ndarray, " w"]]:
        margins = signs * (x @ weights[1:] + weights[0])
        pull = -signs * expit(-margins)
        value = np.logaddexp(0.0, -margins).sum() + 0.5 * _PENALTY * (weights[1:] ** 2).sum()
        return float(value), np.concatenate([[pull.sum()], pull @ x + _PENALTY * weights[1:]])

    fitted = minimize(loss, np.zeros(1 + x.shape[1]), jac=True, method="L-BFGS-B").x
    return (asked - mean) / deviation @ fitted[1:] + fitted[0] > 0
