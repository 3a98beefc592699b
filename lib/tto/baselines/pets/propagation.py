"""Trajectory sampling with an ensemble of single-step models (PETS, section 5.2).

Each particle is one trajectory. Its next state is drawn from the Gaussian of one member. With
"ts_inf" a particle keeps its member for the whole trajectory, since the members' disagreement is
about the system, which does not change. With "ts1" its member is drawn anew at each step. Actions
are supplied: by a policy that sees the particles' states, or by a recorded episode.

Given the particles of a step, the marginal of each dimension of the next state is a mixture of N
Gaussians. The means and log-variances are returned so that it can be computed.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tto.baselines.pets.ensemble import Ensemble
from tto.errors import TTOError

Method = Literal["ts_inf", "ts1"]
# Actions [N, A] at a step, counted from 0, of particles in states [N, O]
Act = Callable[[int, Float[Tensor, "N O"]], Float[Tensor, "N A"]]


class Propagation(NamedTuple):
    """N particles over T steps, in the observation's units; row t is for the state after action t.

    Attributes:
        means: means `[T, N, O]` of the next state given the particle's state before it.
        log_variances: log-variances `[T, N, O]` of the same Gaussians.
        samples: the particles' states `[T, N, O]`.
    """

    means: Float[Tensor, "T N O"]
    log_variances: Float[Tensor, "T N O"]
    samples: Float[Tensor, "T N O"]


def recorded(actions: Float[Tensor, "T A"]) -> Act:
    """Return actions that are those of an episode, the same for all particles.

    Raises:
        TTOError: an action is not finite.
    """
    if not actions.isfinite().all():
        raise TTOError("propagation: expected finite actions, got NaN or infinity")
    return lambda step, states: actions[step].to(states.device).expand(len(states), -1)


@torch.inference_mode()
def propagate(
    network: Ensemble,
    start: Float[Tensor, " O"],
    act: Act,
    *,
    steps: int,
    particles: int,
    method: Method = "ts_inf",
    generator: torch.Generator,
    observed: Bool[Tensor, "T O"] | None = None,
) -> Propagation:
    """Sample `particles` trajectories from `start`; all members and particles are computed at once.

    Members get equally many particles (but for a remainder), as in PETS. With "ts_inf" particle n
    belongs to member n mod M. With "ts1" each step assigns the particles to members at random.

    Args:
        start: the state before the first action.
        act: the particles' actions.
        steps: number T of actions.
        generator: draws the noise and the assignments; on the CPU, so that the draws do not depend
            on the device.
        observed: row t is False where a dimension of the state before action t is hidden from the
            networks. The first row hides parts of `start`, later rows hide parts of the particles'
            own states, as in data with that mask. None if nothing is hidden.

    Raises:
        TTOError: no particle, a start that is not finite, or states that overflow.
    """
    if particles < 1:
        raise TTOError(f"propagation: expected at least one particle, got {particles}")
    if not start.isfinite().all():
        raise TTOError("propagation: expected a finite start, got NaN or infinity")
    M, T, O = network.members, steps, len(start)
    slots = -(-particles // M)  # particles of each member; those beyond `particles` are dropped
    device = network.observation_mean.device
    states = start.to(device).expand(M * slots, O)
    owners = torch.arange(M * slots).view(slots, M).T  # row m: particles of member m
    means, log_variances, samples = (torch.empty(T, particles, O, device=device) for _ in range(3))
    for t in range(T):
        if method == "ts1":
            owners = torch.randperm(M * slots, generator=generator).view(M, slots)
        noise = torch.randn(M * slots, O, generator=generator).to(device)
        shown = None if observed is None else observed[t].to(device).expand(M, slots, O)
        prediction = network.predict(states[owners], act(t, states)[owners], shown)
        back = owners.flatten().argsort()  # from the order of members to that of particles
        mean, log_variance = (part.flatten(0, 1)[back] for part in prediction)
        states = mean + torch.exp(0.5 * log_variance) * noise
        if not states.isfinite().all():
            raise TTOError(
                f"propagation: expected finite particles, got NaN or infinity at step {t + 1} of "
                f"{T}; train the ensemble for longer, or take fewer steps"
            )
        for result, rows in zip(
            (means, log_variances, samples), (mean, log_variance, states), strict=True
        ):
            result[t] = rows[:particles]
    return Propagation(means, log_variances, samples)
