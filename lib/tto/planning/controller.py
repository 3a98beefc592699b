"""A receding-horizon controller: it plans at each step and takes the first action (section 3.2)."""

import copy
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer

from tto.errors import TTOError
from tto.model.trained import TrainedModel
from tto.planning.budget import largest_within, milliseconds
from tto.planning.engine import Engine
from tto.planning.fastest import fastest_engine
from tto.planning.search import Plan, SearchConfig, Window, likelihood_search, return_search

LOGGER = logging.getLogger(__name__)

Objective = Literal["return", "likelihood", "goal"]


class Controller:
    """Plans with a Trajectory Transformer for one episode, or a batch of them in step."""

    def __init__(
        self,
        model: TrainedModel,
        *,
        objective: Objective = "return",
        context: int = 5,
        window: int | None = None,
        action_decode: Literal["best", "mean"] = "best",
        goal: Float[np.ndarray, "*B O"] | None = None,
        seed: int | Sequence[int] = 0,
        engine: Engine | None = None,
        budget_ms: float | None = None,
        **search: object,
    ) -> None:
        """Set up planning; nothing is computed yet, but for a budget.

        Args:
            objective: "return" plans for the highest return (offline reinforcement learning),
                "likelihood" for the most probable trajectory (imitation), "goal" for the most
                probable one that ends at the goal.
            context: past transitions fed to the model, at most as many as its window holds beside
                the current one. Where context and horizon together exceed the window, it slides:
                the oldest transition leaves before a new one begins.
            window: most transitions that the model sees while it plans, or None for its block. The
                official code has 5, of a block of 10.
            action_decode: "best" acts as the best sequence does, "mean" takes the mean first action
                of the sequences that the search ends with.
            goal: the observation to reach, one for all episodes or one each; `reset` sets others.
            seed: of the draws; episode i of a batch uses [seed, i], or the i-th of a sequence.
            engine: what computes logits; the fastest one by default.
            budget_ms: time for one step of one episode, in place of beam_width and horizon: the
                largest that fit are found by timing plans (see `tto.planning.budget`), and stand
                in `self.search`.
            search: fields of `SearchConfig` (beam_width, horizon, ...).

        Raises:
            TTOError: an unknown setting or value.
        """
        if objective not in get_args(Objective):
            raise TTOError(
                f"objective: expected {', '.join(get_args(Objective))}, got {objective!r}"
            )
        if model.config.goal != (objective == "goal"):
            kind = "one" if model.config.goal else "no"
            raise TTOError(
                f"objective: expected goal with a model trained on goals (model.goal) and another "
                f"without, got {objective} and {kind} such"
            )
        if action_decode not in ("best", "mean"):
            raise TTOError(f"action_decode: expected best or mean, got {action_decode!r}")
        if model.tokens.mask_token:
            raise TTOError(
                f"planning: expected a model of fully observed data, got one of the masked dataset "
                f"{model.tokens.dataset}, which predicts but does not plan"
            )
        try:
            self.search = SearchConfig(**search)  # type: ignore[arg-type]
        except TypeError as error:
            known = ", ".join(SearchConfig.__dataclass_fields__)
            raise TTOError(f"planning: {error}; known settings are {known}") from error
        if budget_ms is not None and {"beam_width", "horizon"} & search.keys():
            raise TTOError(
                "planning: expected budget_ms, or beam_width and horizon, got both; drop one"
            )
        block, front = model.config.block_transitions, int(model.config.goal)
        if window is not None and not front < window <= block:
            raise TTOError(
                f"planning.window: expected {front + 1} to {block} transitions, the model's block, "
                f"got {window}"
            )
        seen = window or block
        if budget_ms is not None:
            self.search = replace(self.search, horizon=1)
        if seen == 1 + front and self.search.horizon > 1:
            raise TTOError(
                f"planning.horizon: expected 1 with a model that sees one transition, "
                f"got {self.search.horizon}; raise planning.window, or model.block_tokens and "
                "train again"
            )
        self.model, self.objective, self.action_decode = model, objective, action_decode
        self.context = max(0, min(context, seen - front - 1))
        self.window = Window(model.config.transition_dim, seen, goal=model.config.goal)
        self.seed, self.engine = seed, engine or fastest_engine(model.network)
        self._centers = torch.as_tensor(
            model.discretizer.centers, dtype=torch.float32, device=model.network.output.device
        )
        self._goals: Integer[np.ndarray, "goals O"] | None = None
        self.reset(goal)
        if budget_ms is not None:
            self._fill(budget_ms, longest=seen - front - self.context)

    def reset(self, goals: Float[np.ndarray, "*B O"] | None = None) -> None:
        """Forget the episodes so far, and aim at other goals where there are some."""
        if goals is not None:
            self._goals = self.model.discretizer.encode(np.atleast_2d(goals)).astype(np.int64)
        self.step = 0
        self.plan: Plan | None = None
        self._history: Integer[np.ndarray, "B T D"] | None = None
        self._observations: np.ndarray | None = None

    def act(
        self,
        observations: Float[np.ndarray, "*B O"],
        active: Bool[np.ndarray, " B"] | None = None,
    ) -> Float[np.ndarray, "*B A"]:
        """Plan from the current observations and return the actions to take.

        Args:
            active: episodes to plan for; the others' actions are zero.

        Raises:
            TTOError: observations of another shape, NaN or infinite.
        """
        batch = np.atleast_2d(np.asarray(observations, dtype=np.float64))
        O, A = self.model.tokens.observation_dim, self.model.tokens.action_dim
        if batch.shape[1:] != (O,) or batch.ndim != 2:
            raise TTOError(f"act: expected observations of {O} values, got shape {batch.shape}")
        chosen = np.arange(len(batch)) if active is None else np.flatnonzero(active)
        if self._history is None:
            self._history = np.empty((len(batch), 0, self.model.config.transition_dim), np.int64)
        tokens = self.model.discretizer.encode(batch).astype(np.int64)
        self._observations = batch
        contexts = np.hstack([self._front(), self._history.reshape(len(batch), -1), tokens])
        contexts = contexts[chosen]
        actions = np.zeros((len(batch), A))
        if len(chosen):
            self.plan = self._search(torch.from_numpy(contexts), chosen)
            actions[chosen] = self._decode(self.plan)
        return actions if np.ndim(observations) > 1 else actions[0]

    def observe(self, actions: Float[np.ndarray, "*B A"], rewards: Float[np.ndarray, "*B"]) -> None:
        """Take note of the actions that were taken and the rewards that they brought.

        Raises:
            TTOError: nothing was planned since the last call.
        """
        if self._observations is None or self._history is None:
            raise TTOError("observe: expected a call of act before it")
        B = len(self._observations)
        earned = np.asarray(rewards, dtype=np.float64).reshape(B, 1)
        if self.model.tokens.rewards_ignored:
            earned = np.zeros_like(earned)
        actions = np.asarray(actions, dtype=np.float64).reshape(B, -1)
        known = np.hstack([self._observations, actions, earned])
        tokens = self.model.discretizer.encode(known).astype(np.int64)
        to_go = self._predicted_to_go(tokens)
        transitions = np.hstack([tokens, to_go[:, None]])[:, None]
        history = np.concatenate([self._history, transitions], axis=1)
        self._history = history[:, history.shape[1] - min(self.context, history.shape[1]) :]
        self._observations = None
        self.step += 1

    @torch.inference_mode()
    def _predicted_to_go(self, tokens: Integer[np.ndarray, "B D-1"]) -> Integer[np.ndarray, " B"]:
        """The bin of the expected reward-to-go of the transition just made.

        What it truly is only the rest of the episode will tell; later tokens attend to it.
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
        """The goal of each episode in front of all, padded by zeros to a transition, or nothing."""
        assert self._observations is not None
        B, D = len(self._observations), self.model.config.transition_dim
        if not self.model.config.goal:
            return np.zeros((B, 0), dtype=np.int64)
        if self._goals is None:
            raise TTOError(
                'objective "goal": expected a goal, got none; pass goal= or reset(goals)'
            )
        goals = np.broadcast_to(self._goals, (B, self._goals.shape[1]))
        return np.hstack([goals, np.zeros((B, D - goals.shape[1]), dtype=np.int64)])

    def _search(self, contexts: torch.Tensor, episodes: Integer[np.ndarray, " B"]) -> Plan:
        contexts = contexts.to(self._centers.device)
        D, O = self.model.config.transition_dim, self.model.tokens.observation_dim
        search = self.search
        if self.objective != "return":
            # up to the last planned action: with a horizon of one, exactly behaviour cloning
            tokens = (search.horizon - 1) * D + self.model.tokens.action_dim
            return likelihood_search(
                self.engine,
                contexts,
                tokens=tokens,
                beam_width=search.beam_width,
                window=self.window,
            )
        shape = (search.horizon, D, search.beam_width * search.expansion)
        uniforms = np.stack([self._rng(int(i)).random(shape, dtype=np.float32) for i in episodes])
        return return_search(
            self.engine,
            contexts,
            config=search,
            observation_dim=O,
            centers=self._centers,
            discount=self.model.tokens.discount,
            to_go_includes_reward=self.model.tokens.to_go_includes_reward,
            window=self.window,
            uniforms=torch.from_numpy(uniforms).to(self._centers.device),
        )

    def _fill(self, budget_ms: float, *, longest: int) -> None:
        """Choose beam width and horizon; the context that was asked for stays whole."""

        def measure(beam_width: int, horizon: int) -> float:
            trial = copy.copy(self)
            trial.search = replace(self.search, beam_width=beam_width, horizon=horizon)
            D, O = self.model.config.transition_dim, self.model.tokens.observation_dim
            middle = self.model.discretizer.centers.mean(axis=1)
            trial.reset(middle[:O] if self.model.config.goal else None)
            trial._history = np.zeros((1, self.context, D), dtype=np.int64)

            def step() -> None:
                trial.observe(trial.act(middle[:O]), middle[-2])

            return milliseconds(step)

        choice = largest_within(budget_ms, measure, longest=longest)
        self.search = replace(self.search, beam_width=choice.beam_width, horizon=choice.horizon)
        LOGGER.info(
            "planning within %g ms: beam width %d, horizon %d, %.3g ms a step",
            budget_ms,
            choice.beam_width,
            choice.horizon,
            choice.milliseconds,
        )

    def _rng(self, episode: int) -> np.random.Generator:
        """The draws of one plan depend on the episode's seed and the step alone."""
        seed = [self.seed, episode] if isinstance(self.seed, int) else [self.seed[episode]]
        return np.random.default_rng([*seed, self.step])

    def _decode(self, plan: Plan) -> Float[np.ndarray, "B A"]:
        first = plan.tokens[:, :, : self.model.tokens.action_dim].cpu().numpy()
        decoded = self.model.discretizer.decode(first, first=self.model.tokens.observation_dim)
        return decoded[:, 0] if self.action_decode == "best" else decoded.mean(axis=1)
