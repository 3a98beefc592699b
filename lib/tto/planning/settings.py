"""The settings of a search, as a record and as keywords."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypedDict

import numpy as np

from tto.errors import TTOError, shown, suggestion
from tto.fields import COUNT, POSITIVE, Between, check_fields

Proposal = Literal["drawn", "beam", "uniform"]
ValueEstimate = Literal["expectation", "sample", "mode"]
_PART = Between(0, 1, open_low=True)


@dataclass(frozen=True)
class SearchConfig:
    """Settings of a search.

    Attributes:
        beam_width: number of sequences kept, B in algorithm 1.
        horizon: number of planned transitions, the current one included.
        expansion: number of transitions proposed for each kept sequence.
        proposal: how the actions of these transitions are chosen. "drawn" draws from the most
            probable bins (the official code). "beam" takes the most probable actions, found by a
            beam search within the transition (algorithm 1, as section 3.2 describes it).
            "uniform" draws from all bins evenly and ignores the model (the free action sequences
            that section 3.2 warns of).
        observation_top: an observation token is drawn from this many most probable bins; 1 is
            greedy.
        action_top: an action token is drawn from this share of the bins, the most probable ones.
            This setting and the next two apply to drawn actions only.
        action_mass: an action token is drawn from the fewest bins that hold this share of the
            probability that `action_top` leaves.
        temperature: temperature of the draws of action and observation tokens.
        value: whether the predicted reward and reward-to-go are the "expectation", a "sample" or
            the "mode" of their distributions.
        reward_to_go: whether the score of a sequence includes the reward-to-go of its last
            transition. Without it, a plan ignores all rewards after the horizon (section 3.2).
        value_levels: number of levels to which predicted rewards-to-go are rounded, to measure how
            accurate they must be (section 3.2); None does not round.
        token_search: whether plans for likelihood or a goal are searched token by token (algorithm
            1), which uses beam_width and horizon alone; otherwise by transition, as for return, and
            the likelier proposals are kept.

    Raises:
        TTOError: a value is out of range or unknown.
    """

    beam_width: Annotated[int, COUNT] = 32
    horizon: Annotated[int, COUNT] = 5
    expansion: Annotated[int, COUNT] = 2
    proposal: Proposal = "drawn"
    observation_top: Annotated[int, COUNT] = 1
    action_top: Annotated[float, _PART] = 0.2
    action_mass: Annotated[float, _PART] = 1.0
    temperature: Annotated[float, POSITIVE] = 1.0
    value: ValueEstimate = "expectation"
    reward_to_go: bool = True
    value_levels: Annotated[int, Between(2)] | None = None
    token_search: bool = True

    def __post_init__(self) -> None:
        check_fields(self, "planning")


def most_actions(action_top: float, bins: int) -> int:
    """The number of bins that `action_top` leaves; 0.07 of 100 bins are 7, whatever floats say."""
    return max(1, math.ceil(round(action_top * bins, 9)))


def check_integer(name: str, value: object, *, least: int | None = None) -> None:
    """Raise a `TTOError` unless a setting is an integer, and of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise _wrong(name, "an integer", value)
    if least is not None and value < least:
        raise _wrong(name, f"at least {least}", value)


def check_number(name: str, value: object) -> None:
    """Raise a `TTOError` unless a setting is a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise _wrong(name, "a number", value)
    if not 0 < value < math.inf:
        raise _wrong(name, "finite and above 0", value)


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise a `TTOError` unless a setting is one of some words."""
    if not isinstance(value, str) or value not in choices:
        raise _wrong(name, ", ".join(choices), value)


def check_truth(name: str, value: object) -> None:
    """Raise a `TTOError` unless a setting is true or false."""
    if not isinstance(value, bool):
        raise _wrong(name, "true or false", value)


def _wrong(name: str, expected: str, value: object) -> TTOError:
    return TTOError(f"planning.{name}: expected {expected}, got {shown(value)}")


class SearchSettings(TypedDict, total=False):
    """The fields of `SearchConfig` as optional keywords."""

    beam_width: int
    horizon: int
    expansion: int
    proposal: Proposal
    observation_top: int
    action_top: float
    action_mass: float
    temperature: float
    value: ValueEstimate
    reward_to_go: bool
    value_levels: int | None
    token_search: bool


def search_config(
    base: SearchConfig | None, changes: Mapping[str, object], *, others: Iterable[str] = ()
) -> SearchConfig:
    """`base`, or the default settings, with `changes` applied.

    Args:
        others: further names that an error may suggest in place of an unknown one.

    Raises:
        TTOError: a name in `changes` is unknown, or a value is out of range.
    """
    if base is not None and not isinstance(base, SearchConfig):
        raise TTOError(f"search: expected a SearchConfig, got {type(base).__name__}")
    known = SearchSettings.__annotations__
    for name in changes:
        if name not in known:
            hint = suggestion(name, [*known, *others])
            raise TTOError(f"planning: expected a known setting, got {name!r}{hint}")
    return replace(base or SearchConfig(), **changes)  # type: ignore[arg-type]


def planned_window(block: int, window: int | None, horizon: int, *, goal: bool) -> int:
    """Number of transitions that a model sees while it plans, with the goal as one of them.

    Args:
        block: transitions in the model's block.
        window: the setting `planning.window`; None takes the whole block.
        horizon: the setting `planning.horizon`.
        goal: whether each sequence begins with a goal.

    Raises:
        TTOError: the window does not fit into the block, or the horizon not into the window.
    """
    least = 1 + goal
    if window is not None:
        check_integer("window", window)
    if window is not None and not least <= window <= block:
        raise TTOError(
            f"planning.window: expected {least} to {block} transitions, the model's block, got "
            f"{window}"
        )
    transitions = window or block
    if transitions == least and horizon > 1:
        raise TTOError(
            f"planning.horizon: expected 1 with a model that sees one transition, got {horizon}; "
            "raise planning.window, or model.block_tokens and train again"
        )
    return transitions


def planned_context(context: int, block: int, transitions: int, *, goal: bool) -> int:
    """Number of past transitions that a model sees.

    Args:
        context: the setting `planning.context`.
        block: transitions in the model's block.
        transitions: number of transitions that the model sees while it plans (`planned_window`); a
            context is cut to fit there.
        goal: whether each sequence begins with a goal.

    Raises:
        TTOError: more transitions than fit into the block beside the current one.
    """
    check_integer("context", context, least=0)
    most = block - goal - 1
    if context > most:
        raise TTOError(
            f"planning.context: expected at most {most} past transitions, which fit into the "
            f"model's block beside the current one{' and the goal' if goal else ''}, got "
            f"{context}; lower it"
        )
    return min(context, transitions - goal - 1)
