"""The two searches of section 3.2 over any engine.

`likelihood_search` is algorithm 1: token by token, the most probable sequences are kept.
`transition_search` proposes actions for each sequence, predicts reward and reward-to-go, keeps the
sequences with the highest cumulative reward plus reward-to-go, or the most probable ones, and
appends the next observation to each. Both plan for a batch of episodes and treat each as if it were
alone.

Letters: B episodes, W beams (or candidates) an episode, V bins, D tokens a transition.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tto.planning.draw import Drawn, DrawRule, largest
from tto.planning.engine import Engine
from tto.planning.settings import SearchConfig, most_actions

_EVEN = 1e9  # a temperature at which all bins are equally probable


@dataclass(frozen=True)
class Plan:
    """The sequences that a search ends with, best first.

    Attributes:
        tokens: `[B, W, L]` planned tokens, from the first action on.
        scores: `[B, W]` scores: log-probability, or cumulative reward plus reward-to-go.
        log_probs: `[B, W]` log-probability of all tokens of a sequence.
    """

    tokens: Int[Tensor, "B W L"]
    scores: Float[Tensor, "B W"]
    log_probs: Float[Tensor, "B W"]


@dataclass(frozen=True)
class Window:
    """The part of a long sequence that the model sees: its last whole transitions.

    Before a transition that would not fit, the oldest one is removed. A goal in front of the
    sequence stays.

    Attributes:
        transition_dim: number of tokens of a transition.
        transitions: largest number of transitions in the window, with the goal as one of them.
        goal: whether each sequence begins with a goal, padded to a transition.
    """

    transition_dim: int
    transitions: int
    goal: bool = False

    @property
    def most_past(self) -> int:
        """Number of past transitions that fit beside the goal and the current transition."""
        return self.transitions - self.goal - 1

    def keep(self, sequences: Int[Tensor, "N L"]) -> Int[Tensor, "N K"]:
        """Full sequences without their oldest transition."""
        front = self.goal * self.transition_dim
        recent = (self.transitions - 1) * self.transition_dim - front
        return torch.cat([sequences[:, :front], sequences[:, -recent:]], dim=1)

    def is_full(self, tokens: int) -> bool:
        """Whether a sequence of `tokens` tokens leaves no room for its next transition."""
        D = self.transition_dim
        return tokens % D == 0 and tokens // D >= self.transitions

    def room(self, contexts: Int[Tensor, "B L"], tokens: int) -> int:
        """Number of the next `tokens` tokens that fit into the window after `contexts`."""
        return min(tokens, self.transitions * self.transition_dim - contexts.shape[1])


def likelihood_search(
    engine: Engine,
    contexts: Int[Tensor, "B L"],
    *,
    tokens: int,
    beam_width: int,
    window: Window,
) -> Plan:
    """Algorithm 1: the `beam_width` most probable continuations of `tokens` tokens.

    Args:
        contexts: tokens of past transitions and of the current observation.
        tokens: number of tokens to plan.
        beam_width: number of sequences kept.
        window: the part of a long plan that the model sees.
    """
    B = len(contexts)
    logits = engine.start(contexts, length=window.room(contexts, tokens))
    scores = logits.new_zeros(B, 1)
    sequences = contexts.new_empty(B, 1, 0)
    for step in range(tokens):
        W = scores.shape[1]
        scores, parents, chosen = _most_probable(scores, logits, beam_width)
        sequences = torch.cat([_gather(sequences, parents), chosen[:, :, None]], dim=-1)
        if step + 1 < tokens:
            left = tokens - step - 1
            logits = _advance(engine, contexts, sequences, _rows(parents, W), left, window)
    return Plan(sequences, scores, scores)


def transition_search(
    engine: Engine,
    contexts: Int[Tensor, "B L"],
    *,
    config: SearchConfig,
    by_return: bool,
    observation_dim: int,
    centers: Float[Tensor, "D V"],
    discount: float,
    to_go_includes_reward: bool,
    window: Window,
    uniforms: Float[Tensor, "B horizon D candidates"],
) -> Plan:
    """Sequences of `config.horizon` transitions with the highest estimated return or likelihood.

    By likelihood, the score of a sequence is the log-probability of its observations and actions:
    of proposals that are drawn, the likelier ones are kept.

    By return, the score of a sequence of t+1 transitions depends on the reward-to-go R_t:

    - If R_t includes r_t (section 3.2): sum over k < t of discount^k r_k + discount^t R_t.
    - If it does not (the official code): sum over k <= t of discount^k r_k + discount^(t+1) R_t.
    - Without `config.reward_to_go`: sum over k <= t of discount^k r_k.

    With a stop token, what a transition adds is multiplied by the probability that the episode goes
    on until then, given the sequence so far with its likeliest rewards and rewards-to-go. After a
    predicted fall, a plan would otherwise count the rewards of a life that goes on. (In the
    official code a fallen sequence goes on with stop tokens, whose rewards count as 0.) So a fall
    that is less likely than not counts in the last reward-to-go alone.

    Args:
        contexts: tokens of past transitions and of the current observation.
        by_return: whether sequences are scored by their return, or else by their likelihood.
        observation_dim: number of observation tokens of a transition.
        centers: value of each bin of each dimension.
        discount: discount of a reward per transition.
        to_go_includes_reward: whether the reward-to-go of a transition includes its reward.
        window: the part of a long plan that the model sees.
        uniforms: random numbers in [0, 1), the only randomness: one for each token that may be
            drawn, where candidates = beam_width * expansion. An observation is drawn once for each
            kept sequence and uses the first beam_width numbers. Proposal "beam" uses none for
            actions.
    """
    D, O = len(centers), observation_dim
    length = config.horizon * D - O
    logits = engine.start(contexts, length=window.room(contexts, length))
    rules = _rules(config, O, centers)
    B, W = len(contexts), 1
    sequences = contexts.new_empty(B, 1, 0)
    scores = log_probs = rewards = likelihoods = logits.new_zeros(B, 1)
    lives = logits.new_ones(B, 1)  # probability that the episode goes on until this transition
    for t in range(config.horizon):
        if t:  # drawn before the sequences branch, so that all copies share the observation
            drawn = engine.draw(rules[:O], _by_row(uniforms[:, t, :O, :W]))
            logits = engine.append(drawn.tokens[:, -1])
            sequences = torch.cat([sequences, drawn.tokens.view(B, W, -1)], dim=-1)
            observed = drawn.log_probs.sum(dim=1).view(B, -1)
            log_probs, likelihoods = log_probs + observed, likelihoods + observed
        propose = _probable if config.proposal == "beam" else _drawn
        parents, drawn = propose(engine, logits, rules[O:], uniforms[:, t, O:])
        reward, to_go = (estimate.view(B, -1) for estimate in _estimates(drawn, config, centers))
        weight = discount**t * lives.gather(1, parents)
        total = rewards.gather(1, parents) + weight * reward
        chosen = drawn.log_probs[:, :-2].sum(dim=1).view(B, -1)  # without reward, reward-to-go
        likelihoods = likelihoods.gather(1, parents) + chosen
        if not by_return:
            value = likelihoods
        elif not config.reward_to_go:
            value = total
        elif to_go_includes_reward:
            value = rewards.gather(1, parents) + weight * to_go
        else:
            value = total + discount * weight * to_go
        candidates = parents.shape[1]
        sequences = torch.cat(
            [_gather(sequences, parents), drawn.tokens.view(B, candidates, -1)], -1
        )
        log_probs = log_probs.gather(1, parents) + drawn.log_probs.sum(dim=1).view(B, -1)
        W = min(config.beam_width, candidates)
        scores, kept = largest(value, W)
        sequences, log_probs = _gather(sequences, kept), log_probs.gather(1, kept)
        rewards, likelihoods = total.gather(1, kept), likelihoods.gather(1, kept)
        if t + 1 < config.horizon:
            left = (config.horizon - t - 1) * D
            _advance(engine, contexts, sequences, _rows(kept, candidates), left, window)
            lives = lives.gather(1, parents).gather(1, kept) * engine.going_on().view(B, -1)
    return Plan(sequences, scores, log_probs)


def _drawn(
    engine: Engine,
    logits: Float[Tensor, "N V"],
    rules: Sequence[DrawRule],
    uniforms: Float[Tensor, "B S candidates"],
) -> tuple[Int[Tensor, "B candidates"], Drawn]:
    """Parents and tokens of candidates that are drawn token by token, equally many per sequence."""
    B, _, candidates = uniforms.shape
    W = len(logits) // B
    copies = torch.arange(candidates, device=logits.device) * W // candidates
    parents = copies.expand(B, -1)
    engine.select(_rows(parents, W))
    return parents, engine.draw(rules, _by_row(uniforms))


def _probable(
    engine: Engine,
    logits: Float[Tensor, "N V"],
    rules: Sequence[DrawRule],
    uniforms: Float[Tensor, "B S candidates"],
) -> tuple[Int[Tensor, "B found"], Drawn]:
    """Parents and tokens of candidates with the most probable actions (algorithm 1).

    Their rewards and rewards-to-go are drawn by the last two rules.
    """
    B, S, candidates = uniforms.shape
    W = len(logits) // B
    scores, rows = logits.new_zeros(B * W, 1), torch.arange(B * W, device=logits.device)
    actions = rows.new_empty(B * W, 1, 0)
    for _ in range(S - 2):
        width = scores.shape[1]
        scores, parents, chosen = _most_probable(scores, logits, candidates // W)
        actions = torch.cat([_gather(actions, parents), chosen[:, :, None]], dim=-1)
        engine.select(_rows(parents, width))
        logits = engine.append(chosen.flatten())
    found = scores.shape[1]
    values = engine.draw(rules[-2:], _by_row(uniforms[:, -2:, : W * found]))
    nothing = values.expected.new_zeros(B * W * found, S - 2)
    log_probs = nothing.clone()
    log_probs[:, 0] = scores.flatten()  # the whole action's; those of its other tokens stay 0
    parents = torch.arange(W * found, device=logits.device) // found
    return parents.expand(B, -1), Drawn(
        tokens=torch.cat([actions.flatten(0, 1), values.tokens], dim=1),
        log_probs=torch.cat([log_probs, values.log_probs], dim=1),
        expected=torch.cat([nothing, values.expected], dim=1),
    )


def _most_probable(
    scores: Float[Tensor, "B W"], logits: Float[Tensor, "N V"], beam_width: int
) -> tuple[Float[Tensor, "B X"], Int[Tensor, "B X"], Int[Tensor, "B X"]]:
    """One step of algorithm 1: scores, parents and last tokens of the best continuations."""
    (B, W), V = scores.shape, logits.shape[-1]
    totals = (scores[:, :, None] + logits.log_softmax(dim=-1).view(B, W, V)).flatten(1)
    scores, best = largest(totals, beam_width)
    return scores, best // V, best % V


def _rules(
    config: SearchConfig, observation_dim: int, centers: Float[Tensor, "D V"]
) -> list[DrawRule]:
    """Rules by which the dimensions of a transition are drawn."""
    D, V = centers.shape
    observation = DrawRule(config.observation_top, temperature=config.temperature)
    action = DrawRule(most_actions(config.action_top, V), config.action_mass, config.temperature)
    if config.proposal == "uniform":
        action = DrawRule(V, temperature=_EVEN)
    top = V if config.value == "sample" else 1
    values = [DrawRule(top, centers=centers[i]) for i in (D - 2, D - 1)]
    return [observation] * observation_dim + [action] * (D - 2 - observation_dim) + values


def _estimates(
    drawn: Drawn, config: SearchConfig, centers: Float[Tensor, "D V"]
) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
    """Estimates of reward and reward-to-go from the last two drawn tokens."""
    if config.value == "expectation":
        reward, to_go = drawn.expected[:, -2], drawn.expected[:, -1]
    else:
        reward, to_go = centers[-2][drawn.tokens[:, -2]], centers[-1][drawn.tokens[:, -1]]
    if config.value_levels is not None:
        to_go = rounded(to_go, centers[-1], config.value_levels)
    return reward, to_go


def rounded(
    values: Float[Tensor, " N"], centers: Float[Tensor, " V"], levels: int
) -> Float[Tensor, " N"]:
    """Round values to `levels` levels, which are the means of groups of neighbouring bins."""
    groups = centers.tensor_split(min(levels, len(centers)))
    table = torch.stack([group.mean() for group in groups])
    borders = torch.stack([group[0] for group in groups[1:]])
    return table[torch.bucketize(values.contiguous(), borders, right=True)]


def _advance(
    engine: Engine,
    contexts: Int[Tensor, "B L"],
    sequences: Int[Tensor, "B W S"],
    parents: Int[Tensor, " B*W"],
    left: int,
    window: Window,
) -> Float[Tensor, "B*W V"]:
    """Append the last token of `sequences` to the engine's rows `parents`; return the next logits.

    When the window is full, the engine starts again with the transitions that the window keeps.
    """
    whole = contexts.shape[1] + sequences.shape[2]
    if not window.is_full(whole):
        engine.select(parents)
        return engine.append(sequences[:, :, -1].flatten())
    past = contexts[:, None].expand(-1, sequences.shape[1], -1)
    kept = window.keep(torch.cat([past, sequences], dim=-1).flatten(0, 1))
    return engine.start(kept, length=window.room(kept, left))


def _gather(values: Tensor, index: Int[Tensor, "B W"]) -> Tensor:
    """Gather values[b, index[b, w]] from `values` of shape `[B, X, ...]`."""
    return values[torch.arange(len(values), device=values.device)[:, None], index]


def _rows(index: Int[Tensor, "B W"], width: int) -> Int[Tensor, " B*W"]:
    """Engine rows of beams, which are numbered within their episode of `width` rows."""
    first = torch.arange(len(index), device=index.device)[:, None] * width
    return (first + index).flatten()


def _by_row(uniforms: Float[Tensor, "B S W"]) -> Float[Tensor, "B*W S"]:
    """Random numbers with one row for each engine row."""
    return uniforms.transpose(1, 2).flatten(0, 1)
