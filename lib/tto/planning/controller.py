"""A receding-horizon controller: it plans at each step and takes the first action (section 3.2)."""

import copy
import inspect
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, Unpack, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer

from tto.errors import TTOError, shown, suggestion
from tto.model.device import precision_named
from tto.model.trained import TrainedModel
from tto.planning.budget import largest_within, milliseconds
from tto.planning.engine import Engine
from tto.planning.fastest import fastest_engine
from tto.planning.native import Precision
from tto.planning.search import Plan, Window, likelihood_search, transition_search
from tto.planning.settings import (
    SearchConfig,
    SearchSettings,
    check_choice,
    check_integer,
    check_number,
    check_truth,
    planned_context,
    planned_window,
    search_config,
)
from tto.planning.without_search import drawn_action, expected_action
from tto.tokens.arrays import mask_array, real_array

LOGGER = logging.getLogger(__name__)

Seeds = int | np.integer | Sequence[int] | Integer[np.ndarray, " B"]
_USUAL_CONTEXT = 5
# Settings of a planner that are the controller's own; the others are the search's.
OWN_SETTINGS = ("objective", "context", "window", "action_decode", "precision", "compile")
Objective = Literal["return", "likelihood", "goal"]
ActionDecode = Literal["best", "mean", "expected", "drawn"]


class Controller:
    """Plans with a Trajectory Transformer for one episode, or for a batch of episodes in step."""

    def __init__(
        self,
        model: TrainedModel,
        *,
        objective: Objective | None = None,
        context: int | None = None,
        window: int | None = None,
        action_decode: ActionDecode | None = None,
        goal: Float[np.ndarray, "*B O"] | None = None,
        seed: Seeds = 0,
        precision: Precision | Literal["auto"] | None = None,
        compile: bool | None = None,
        engine: Engine | None = None,
        budget_ms: float | None = None,
        search: SearchConfig | None = None,
        **settings: Unpack[SearchSettings],
    ) -> None:
        """Check the settings; with a time budget, also choose beam width and horizon.

        A setting that is not given is that of the model's planner (`planner.json` in its folder,
        as its run played it), or else the default named here. None means not given for the keywords
        below, and is a value for fields of `SearchConfig`.

        Args:
            model: the model that plans.
            objective: "return" plans for the highest return (offline reinforcement learning),
                "likelihood" for the most probable trajectory (imitation), "goal" for the most
                probable trajectory that ends at the goal. The default is "goal" for a model with
                goals, "return" for others.
            context: number of past transitions that the model sees, at most as many as its block
                holds beside the current one; a smaller `window` cuts it. The default is five, or
                as many as fit. Where context and horizon together exceed the window, it slides: the
                oldest transition leaves before a new one begins.
            window: largest number of transitions that the model sees while it plans; the default is
                the model's whole block. The official code uses 5, of a block of 10.
            action_decode: "best", the default, takes the first action of the best sequence, "mean"
                the mean first action of all sequences that the search ends with. "expected" and
                "drawn" take the expectation of, or a draw from, the distribution that the objective
                leaves. For "return", this is the first actions that the search ends with, so
                "expected" equals "mean". For the others, it is the model's own distribution, and
                nothing is searched.
            goal: the observation to reach, either one for all episodes or one for each; `reset`
                can replace it.
            seed: seed of the draws. Episode i of a batch uses [seed, i], or the i-th seed of a
                sequence.
            precision: precision of the fastest engine (`tto.planning.fastest`), "float32" by
                default, or "bfloat16"; "auto" is bfloat16 where the device multiplies it faster.
            compile: whether the steps of planning on a GPU are compiled first, which takes minutes;
                by default they are not.
            engine: engine that computes the logits, in place of the fastest one.
            budget_ms: milliseconds for one step of one episode, given in place of beam_width and
                horizon. The largest values that fit are found by timing plans
                (`tto.planning.budget`) and replace those of `self.search`.
            search: settings of the search, in place of those of the model's planner.
            settings: fields of `SearchConfig` (beam_width, horizon, ...), which replace those of
                `search`.

        Raises:
            TTOError: a setting is unknown, has an invalid value or does not fit the model.
        """
        if not isinstance(model, TrainedModel):
            raise TTOError(
                f"model: expected a model, as tto.load returns, got {type(model).__name__}"
            )
        own, of_search = _planner_of(model)
        usual = "goal" if model.config.goal else "return"
        chosen: Objective = _first(objective, own.get("objective"), usual)
        decode: ActionDecode = _first(action_decode, own.get("action_decode"), "best")
        wanted = _first(precision, own.get("precision"), "float32")
        compiled = _first(compile, own.get("compile"), False)
        context, window = _first(context, own.get("context")), _first(window, own.get("window"))
        _check_objective(chosen, model.config.goal)
        check_choice("precision", wanted, ("auto", *get_args(Precision)))
        computed_in = precision_named(wanted, model.network.output.device.type)
        check_choice("action_decode", decode, get_args(ActionDecode))
        check_truth("compile", compiled)
        if goal is not None and not model.config.goal:
            raise TTOError(f'goal: expected none for objective "{chosen}", got one; leave it out')
        if model.tokens.mask_token:
            raise TTOError(
                f"planning: expected a model of fully observed data, got one of the masked dataset "
                f"{model.tokens.dataset}, which can predict but not plan"
            )
        if budget_ms is not None:
            if {"beam_width", "horizon"} & settings.keys():
                raise TTOError(
                    "planning: expected budget_ms, or beam_width and horizon, got both; drop one"
                )
            check_number("budget_ms", budget_ms)
            settings["horizon"] = 1
        changes = settings if search is not None else {**of_search, **settings}
        self.search = search_config(search, changes, others=_own_settings())
        block, has_goal = model.config.block_transitions, model.config.goal
        seen = planned_window(block, window, self.search.horizon, goal=has_goal)
        if context is None:
            context = min(_USUAL_CONTEXT, block - has_goal - 1)
        self.window = Window(model.config.transition_dim, seen, goal=has_goal)
        self.context = planned_context(context, block, seen, goal=has_goal)
        self.model, self.objective, self.action_decode = model, chosen, decode
        self.seeds = _seeds(seed)
        if engine is not None and not isinstance(engine, Engine):
            raise TTOError(f"engine: expected one of tto.planning, got {shown(engine)}; omit it")
        self.engine = engine or fastest_engine(
            model.network, precision=computed_in, compiled=compiled
        )
        self._centers = torch.as_tensor(
            model.discretizer.centers, dtype=torch.float32, device=model.network.output.device
        )
        self._goals: Integer[np.ndarray, "goals D"] | None = None
        self.reset(goal)
        if budget_ms is not None:
            self.search = _search_within(self, budget_ms)

    def reset(self, goals: Float[np.ndarray, "*B O"] | None = None) -> None:
        """Forget the episodes so far, and replace the goals if new ones are given."""
        if goals is not None and self.model.config.goal:
            O = self.model.tokens.observation_dim
            one = len(_shape(goals)) == 1
            goals = real_array(goals, "goals", (O,) if one else ("B", O))
            self._goals = self.model.encode_goals(np.atleast_2d(goals))
        self.step = 0
        self.plan: Plan | None = None
        self._history: Integer[np.ndarray, "B T D"] | None = None
        self._observations: Float[np.ndarray, "B O"] | None = None

    def act(
        self,
        observations: Float[np.ndarray, "*B O"],
        active: Bool[np.ndarray, " B"] | None = None,
    ) -> Float[np.ndarray, "*B A"]:
        """Plan from the current observations and return the actions to take.

        Args:
            active: which episodes to plan for; the actions of the others are zero.

        Raises:
            TTOError: observations, the mask, the goals or the seeds have another shape than the
                episodes so far, observations are NaN or infinite, or the
                model's predictions are.
        """
        O, A = self.model.tokens.observation_dim, self.model.tokens.action_dim
        one = len(_shape(observations)) == 1
        if _shape(observations)[-1:] != (O,):
            raise TTOError(
                f"act: expected observations of {O} values, got shape {_shape(observations)}"
            )
        batch = np.atleast_2d(real_array(observations, "observations", (O,) if one else ("B", O)))
        if not len(batch):
            raise TTOError("act: expected at least one observation, got none")
        self._check_episodes(len(batch))
        chosen = np.arange(len(batch))
        if active is not None:
            chosen = np.flatnonzero(mask_array(active, "active", (len(batch),)))
        if self._history is None:
            self._history = np.empty((len(batch), 0, self.model.config.transition_dim), np.int64)
        tokens = self.model.discretizer.encode(batch).astype(np.int64)
        self._observations = batch
        contexts = np.hstack([self._front(), self._history.reshape(len(batch), -1), tokens])
        contexts = contexts[chosen]
        actions = np.zeros((len(batch), A))
        if len(chosen):
            actions[chosen] = self._actions(torch.from_numpy(contexts), chosen)
        return actions[0] if one else actions

    def observe(
        self, actions: Float[np.ndarray, "*B A"], rewards: Float[np.ndarray, "*B"] | float
    ) -> None:
        """Record the actions that were taken and the rewards that followed.

        Raises:
            TTOError: `act` was not called since the last call, actions or rewards have another
                shape than the observations had, or are NaN or infinite.
        """
        if self._observations is None or self._history is None:
            raise TTOError("observe: expected a call of act before it")
        B = len(self._observations)
        A = self.model.tokens.action_dim
        alone = B == 1 and len(_shape(actions)) == 1
        actions = real_array(actions, "actions", (A,) if alone else (B, A)).reshape(B, A)
        alone = B == 1 and _shape(rewards) == ()
        earned = real_array(rewards, "rewards", () if alone else (B,)).reshape(B, 1)
        if self.model.tokens.rewards_ignored:
            earned = np.zeros_like(earned)
        known = np.hstack([self._observations, actions, earned])
        tokens = self.model.discretizer.encode(known).astype(np.int64)
        to_go = self._predicted_to_go(tokens)
        transitions = np.hstack([tokens, to_go[:, None]])[:, None]
        history = np.concatenate([self._history, transitions], axis=1)
        self._history = history[:, history.shape[1] - min(self.context, history.shape[1]) :]
        self._observations = None
        self.step += 1

    def _check_episodes(self, B: int) -> None:
        """Check that there are as many episodes as before, as goals and as seeds."""
        if self._history is not None and len(self._history) != B:
            raise TTOError(
                f"act: expected {len(self._history)} observations, one of each episode, got {B}; "
                "call reset before other episodes"
            )
        if self._goals is not None and len(self._goals) not in (1, B):
            raise TTOError(
                f"goal: expected one, or one for each of {B} episodes, got {len(self._goals)}"
            )
        if not isinstance(self.seeds, int) and len(self.seeds) < B:
            raise TTOError(f"seed: expected one for each of {B} episodes, got {len(self.seeds)}")

    @torch.inference_mode()
    def _predicted_to_go(self, tokens: Integer[np.ndarray, "B known"]) -> Integer[np.ndarray, " B"]:
        """The bin of the expected reward-to-go of the transition just made.

        The true value is unknown until the episode ends, but later tokens may attend to it.
        """
        if not self.model.config.attend_values or self.context == 0:
            return np.zeros(len(tokens), dtype=np.int64)
        assert self._history is not None
        past = self._history[:, max(0, self._history.shape[1] - self.context) :]
        sequence = np.hstack([self._front(), past.reshape(len(tokens), -1), tokens])
        device = self._centers.device
        logits = self.model.network(torch.from_numpy(sequence).to(device))[:, -1]
        logits = logits[:, : self.model.config.vocabulary]
        expected = (logits.softmax(dim=-1) @ self._centers[-1]).double().cpu().numpy()
        last = self.model.config.transition_dim - 1
        return self.model.discretizer.encode(expected[:, None], first=last)[:, 0].astype(np.int64)

    def _front(self) -> Integer[np.ndarray, "B front"]:
        """The first tokens of each sequence: the goal, padded by zeros to a transition, or none."""
        assert self._observations is not None
        B = len(self._observations)
        if not self.model.config.goal:
            return np.zeros((B, 0), dtype=np.int64)
        if self._goals is None:
            raise TTOError(
                'objective "goal": expected a goal, got none; pass goal= or reset(goals)'
            )
        return np.broadcast_to(self._goals, (B, self._goals.shape[1]))

    def _actions(
        self, contexts: torch.Tensor, episodes: Integer[np.ndarray, " B"]
    ) -> Float[np.ndarray, "B A"]:
        """Actions of the given episodes; a search leaves its sequences in `self.plan`."""
        contexts = contexts.to(self._centers.device)
        if self.objective == "return" or self.action_decode in ("best", "mean"):
            self.plan = self._search(contexts, episodes)
            if not self.plan.scores.isfinite().all():
                raise TTOError(
                    "planning: expected finite scores of plans, got NaN or infinity: the model's "
                    "weights are too large to compute with; train it again with a lower "
                    "learning_rate"
                )
            return self._decode(self.plan, episodes)
        O, A = self.model.tokens.observation_dim, self.model.tokens.action_dim
        centers = self._centers[O : O + A]
        if self.action_decode == "expected":
            borders = torch.as_tensor(self.model.discretizer.edges[O : O + A, 1:-1]).to(centers)
            actions = expected_action(self.engine, contexts, centers, borders)
        else:
            uniforms = self._uniforms(episodes, (A,))
            actions = drawn_action(self.engine, contexts, centers, uniforms)
        return actions.double().cpu().numpy()

    def _search(self, contexts: torch.Tensor, episodes: Integer[np.ndarray, " B"]) -> Plan:
        D, O = self.model.config.transition_dim, self.model.tokens.observation_dim
        search, by_return = self.search, self.objective == "return"
        if search.token_search and not by_return:
            # The plan ends with its last action: a horizon of 1 is exactly behaviour cloning.
            tokens = (search.horizon - 1) * D + self.model.tokens.action_dim
            return likelihood_search(
                self.engine,
                contexts,
                tokens=tokens,
                beam_width=search.beam_width,
                window=self.window,
            )
        shape = (search.horizon, D, search.beam_width * search.expansion)
        return transition_search(
            self.engine,
            contexts,
            config=search,
            by_return=by_return,
            observation_dim=O,
            centers=self._centers,
            discount=self.model.tokens.discount,
            to_go_includes_reward=self.model.tokens.to_go_includes_reward,
            window=self.window,
            uniforms=self._uniforms(episodes, shape),
        )

    def _uniforms(
        self,
        episodes: Integer[np.ndarray, " B"],
        shape: tuple[int, ...],
        *,
        stream: tuple[int, ...] = (),
    ) -> torch.Tensor:
        """Random numbers of one plan, which depend on the episode's seed, the step and `stream`."""
        drawn = []
        for i in map(int, episodes):
            seed = [self.seeds, i] if isinstance(self.seeds, int) else [self.seeds[i]]
            rng = np.random.default_rng([*seed, self.step, *stream])
            drawn.append(rng.random(shape, dtype=np.float32))
        return torch.from_numpy(np.stack(drawn)).to(self._centers.device)

    def _decode(self, plan: Plan, episodes: Integer[np.ndarray, " B"]) -> Float[np.ndarray, "B A"]:
        """The actions that follow from the first actions of the plan's sequences."""
        first = plan.tokens[:, :, : self.model.tokens.action_dim].cpu().numpy()
        decoded = self.model.discretizer.decode(first, first=self.model.tokens.observation_dim)
        if self.action_decode == "best":
            return decoded[:, 0]
        if self.action_decode == "drawn":
            places = self._uniforms(episodes, (), stream=(1,)).numpy() * decoded.shape[1]
            return decoded[np.arange(len(decoded)), places.astype(np.int64)]
        return decoded.mean(axis=1)

    def plan_ms(self, *, plans: int = 8) -> float:
        """Milliseconds of a plan for one episode with a full context, the second-longest of a few.

        Args:
            plans: number of timed plans; one more comes first and is not timed.

        Raises:
            TTOError: fewer than two plans.
        """
        check_integer("plans", plans, least=2)
        trial = copy.copy(self)
        D, O = self.model.config.transition_dim, self.model.tokens.observation_dim
        middle = self.model.discretizer.centers.mean(axis=1)
        trial.reset(middle[:O] if self.model.config.goal else None)
        trial._history = np.zeros((1, self.context, D), dtype=np.int64)

        def step() -> None:
            trial.observe(trial.act(middle[:O]), middle[-2])

        return milliseconds(step, repeats=plans)


def _planner_of(model: TrainedModel) -> tuple[dict[str, Any], dict[str, Any]]:
    """The controller's own settings in a model's planner, and those of the search."""
    known = [*SearchSettings.__annotations__, *OWN_SETTINGS]
    for name in model.planner:
        if name not in known:
            raise TTOError(
                f"planner.json: expected a planner's setting, got {name!r}{suggestion(name, known)}"
            )
    own = {name: value for name, value in model.planner.items() if name in OWN_SETTINGS}
    return own, {name: value for name, value in model.planner.items() if name not in own}


def _first(*values: Any) -> Any:
    """The first value that is not None; None if all are."""
    return next((value for value in values if value is not None), None)


def _own_settings() -> list[str]:
    """Names of the controller's keywords that are not fields of `SearchConfig`."""
    parameters = inspect.signature(Controller).parameters.values()
    return [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]


def _seeds(seed: Any) -> int | list[int]:
    """The argument `seed` as Python's integers."""
    one = _shape(seed) == ()
    given = [seed] if one else list(seed)
    for each in given:
        if isinstance(each, bool) or not isinstance(each, int | np.integer) or each < 0:
            raise TTOError(f"seed: expected integers of at least 0, got {shown(each)}")
    return int(given[0]) if one else [int(each) for each in given]


def _shape(value: object) -> tuple[int, ...]:
    """Shape of an argument; () where it has none, which later checks refuse by name."""
    try:
        return np.shape(value)  # type: ignore[arg-type]
    except (ValueError, TypeError, RuntimeError):  # sequences of unequal lengths, other libraries
        return ()


def _check_objective(objective: str, model_has_goal: bool) -> None:
    check_choice("objective", objective, get_args(Objective))
    if model_has_goal != (objective == "goal"):
        kind = "with" if model_has_goal else "without"
        raise TTOError(
            "objective: expected goal for a model trained with goals (model.goal) and another "
            f"objective for any other model, got {objective} for a model {kind} goals"
        )


def _search_within(controller: Controller, budget_ms: float) -> SearchConfig:
    """The settings of `controller` with the largest horizon and beam width within a time budget.

    The horizon is at most what the window holds beside the whole context.
    """
    longest = controller.window.most_past - controller.context + 1

    def measure(beam_width: int, horizon: int) -> float:
        trial = copy.copy(controller)
        trial.search = replace(controller.search, beam_width=beam_width, horizon=horizon)
        return trial.plan_ms()

    choice = largest_within(budget_ms, measure, longest=longest)
    LOGGER.info(
        "planning within %g ms: beam width %d, horizon %d, %.3g ms a step",
        budget_ms,
        choice.beam_width,
        choice.horizon,
        choice.milliseconds,
    )
    return replace(controller.search, beam_width=choice.beam_width, horizon=choice.horizon)
