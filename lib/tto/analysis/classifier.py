"""A test of whether two sets of trajectories can be told apart: the accuracy of a classifier.

Each trajectory is described by a few numbers for each dimension, and a logistic regression learns
to distinguish the sets by them. It classifies trajectories that it was not trained on
(cross-validation), so about half of its answers are right if the sets do not differ, and all of
them if the sets are far apart.

Letters: N trajectories, T steps, O dimensions.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize
from scipy.special import expit

from tto.errors import TTOError

FOLDS = 10  # largest number of folds
_LEAST_STEPS = 3  # needed for the correlation of neighbouring steps
_PENALTY = 1.0  # half of it times the sum of squared weights is added to the loss


def features(trajectories: Float[np.ndarray, "N T O"]) -> Float[np.ndarray, "N features"]:
    """Four numbers for each dimension of a trajectory.

    These are its mean, its standard deviation, the mean absolute change in a step and the
    autocorrelation at lag 1, which is 0 for a constant dimension.

    Raises:
        TTOError: there are too few steps, or a value is NaN or infinite.
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
    real: Float[np.ndarray, "N T O"], predicted: Float[np.ndarray, "_ _ _"]
) -> Bool[np.ndarray, "2 N"]:
    """Whether each trajectory is classified correctly: row 0 for real, row 1 for predicted ones.

    Real and predicted trajectories with the same number are in the same fold, since they may share
    a first state. The fold is the number modulo the number of folds, so nothing is random.

    Raises:
        TTOError: a set has fewer than two trajectories, the sets have different shapes, there are
            too few steps, or a value is NaN or infinite.
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
        test = folds == fold
        right[test] = _classify(inputs[~test], labels[~test], inputs[test]) == labels[test]
    return right.reshape(2, N)


def _classify(
    inputs: Float[np.ndarray, "n features"],
    labels: Bool[np.ndarray, " n"],
    test: Float[np.ndarray, "m features"],
) -> Bool[np.ndarray, " m"]:
    """Labels of `test` by a logistic regression of `labels` on standardised `inputs`."""
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
    deviation[deviation == 0] = 1.0
    x, signs = (inputs - mean) / deviation, np.where(labels, 1.0, -1.0)

    def loss(weights: Float[np.ndarray, " w"]) -> tuple[float, Float[np.ndarray, " w"]]:
        margins = signs * (x @ weights[1:] + weights[0])
        pull = -signs * expit(-margins)
        value = np.logaddexp(0.0, -margins).sum() + 0.5 * _PENALTY * (weights[1:] ** 2).sum()
        return float(value), np.concatenate([[pull.sum()], pull @ x + _PENALTY * weights[1:]])

    fitted = minimize(loss, np.zeros(1 + x.shape[1]), jac=True, method="L-BFGS-B").x
    return (test - mean) / deviation @ fitted[1:] + fitted[0] > 0
