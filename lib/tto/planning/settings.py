"""The settings of a search, as a record and as keywords."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypedDict, get_args, get_type_hints

from tto.errors import TTOError, suggestion

Proposal = Literal["drawn", "beam", "uniform"]
ValueEstimate = Literal["expectation", "sample", "mode"]


@dataclass(frozen=True)
class SearchConfig:
    """Settings of a search.

    Attributes:
        beam_width: number of sequences kept, B in algorithm 1.
        horizon: number of planned transitions, the current one included.
        expansion: number of transitions proposed for each kept sequence (return search only).
        proposal: how the actions of these transitions are chosen. "drawn" draws from the most
            probable bins (the official code). "beam" takes the most probable actions, found by a
            beam search within the transition (algorithm 1, as section 3.2 describes it).
            "uniform" draws from all bins evenly and ignores the model (the free action sequences
            that section 3.2 warns of).
        observation_top: an observation token is drawn from this many most probable bins; 1 is
            greedy.
        action_top: an action token is drawn from this share of the bins, the most probable ones.
            This setting and the next two apply to drawn actions only.
        action_mass: an action token is drawn from the fewest bins that hold this probability.
        temperature: temperature of the draws of action and observation tokens.
        value: whether the predicted reward and reward-to-go are the "expectation", a "sample" or
            the "mode" of their distributions.
        reward_to_go: whether the score of a sequence includes the reward-to-go of its last
            transition. Without it, a plan ignores all rewards after the horizon (section 3.2).
        value_levels: number of levels to which predicted rewards-to-go are rounded, to measure how
            accurate they must be (section 3.2); None does not round.

    Raises:
        TTOError: a value is out of range or unknown.
    """

    beam_width: int = 32
    horizon: int = 5
    expansion: int = 2
    proposal: Proposal = "drawn"
    observation_top: int = 1
    action_top: float = 0.2
    action_mass: float = 1.0
    temperature: float = 1.0
    value: ValueEstimate = "expectation"
    reward_to_go: bool = True
    value_levels: int | None = None

    def __post_init__(self) -> None:
        for name in ("beam_width", "horizon", "expansion", "observation_top"):
            if getattr(self, name) < 1:
                raise TTOError(f"planning.{name}: expected at least 1, got {getattr(self, name)}")
        for name in ("action_top", "action_mass"):
            if not 0 < getattr(self, name) <= 1:
                raise TTOError(f"planning.{name}: expected in (0, 1], got {getattr(self, name)}")
        for name in ("proposal", "value"):
            choices = get_args(get_type_hints(SearchConfig)[name])
            if getattr(self, name) not in choices:
                raise TTOError(
                    f"planning.{name}: expected {', '.join(choices)}, got {getattr(self, name)!r}"
                )
        if self.value_levels is not None and self.value_levels < 1:
            raise TTOError(
                f"planning.value_levels: expected at least 1 or null, got {self.value_levels}"
            )


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


def search_config(
    base: SearchConfig | None, changes: Mapping[str, object], *, others: Iterable[str] = ()
) -> SearchConfig:
    """`base`, or the default settings, with `changes` applied.

    Args:
        others: further names that an error may suggest in place of an unknown one.

    Raises:
        TTOError: a name in `changes` is unknown, or a value is out of range.
    """
    known = SearchSettings.__annotations__
    for name in changes:
        if name not in known:
            hint = suggestion(name, [*known, *others])
            raise TTOError(f"planning: expected a known setting, got {name!r}{hint}")
    return replace(base or SearchConfig(), **changes)  # type: ignore[arg-type]
