"""The paper's claims about models as predictors (sections 1, 4.1 and 5)."""

from tto.report.claims.attention_measures import actions_on_actions, previous_transition, striation
from tto.report.claims.claim import Claim
from tto.report.claims.prediction_measures import (
    ENSEMBLES,
    GAUSSIAN,
    MARKOVIAN,
    TRANSFORMER,
    accurate_steps,
    context_share,
    good_then_poor,
    lead,
    lead_at,
    masked_gain,
    right_answers,
    slowdown,
    slower_decay,
)
from tto.report.claims.rules import beats, exists_above, is_at_most, stays_below, within

_LONG = 100  # steps in figure 1
_FEW_DOZEN = 36  # steps, three dozen
_MUCH = 1.0  # nats: a state is e times as likely
_OVERWHELMING = 0.5  # share of a head's attention
_BY_EYE = 60  # % right answers of a classifier; guessing gives 50

PREDICTION_CLAIMS = (
    Claim(
        "reliable_predictor",
        "1, 4.1",
        "The Transformer predicts far ahead more reliably than a conventional dynamics model, even "
        "in Markovian environments (log-likelihood less the better ensemble's, nats, mean over "
        "steps)",
        lead(TRANSFORMER, *ENSEMBLES),
        beats(),
    ),
    Claim(
        "hundred_steps",
        "4.1, figure 1",
        "Predictions are substantially more accurate than the ensemble's even after 100 steps "
        "(log-likelihood at step 100 less the better ensemble's, nats; substantially: one nat)",
        lead_at(_LONG, TRANSFORMER, *ENSEMBLES),
        beats(_MUCH),
    ),
    Claim(
        "indistinguishable",
        "4.1, figure 1",
        "Predicted trajectories look like real ones (right answers of a classifier in place of the "
        f"eye, %; 50 is guessing, below {_BY_EYE} indistinguishable)",
        right_answers(TRANSFORMER),
        stays_below(_BY_EYE),
    ),
    Claim(
        "few_dozen_steps",
        "4.1",
        "The ensemble predicts accurately for no more than a few dozen steps (first step at which "
        "its log-likelihood is no better than that of the training data's marginal)",
        accurate_steps(*ENSEMBLES, claimed=_FEW_DOZEN),
        is_at_most(_FEW_DOZEN),
    ),
    Claim(
        "compounding",
        "4.1, figure 2",
        "The Transformer's errors compound less than the ensemble's (loss of log-likelihood from "
        "the first step to the last, the better ensemble's less the Transformer's, nats)",
        slower_decay(TRANSFORMER, *ENSEMBLES),
        beats(),
    ),
    Claim(
        "long_horizon_loss",
        "4.1",
        "Single-step models are good for a step and poor far ahead (the ensemble's log-likelihood "
        "above the marginal's at the first step and below it at the last, the lower of the two, "
        "nats)",
        good_then_poor(*ENSEMBLES),
        beats(),
    ),
    Claim(
        "markovian_full",
        "4.1, figure 2",
        "With fully observed states, a Markovian variant does similarly: within a tenth of the "
        "lead over the better ensemble (Transformer less variant, % of that lead)",
        context_share,
        within(0, 10),
    ),
    Claim(
        "architecture",
        "4.1",
        "Architecture and discretisation explain much of the accuracy: the Markovian variant beats "
        "the better ensemble, too (log-likelihood, nats, mean over steps)",
        lead(MARKOVIAN, *ENSEMBLES),
        beats(),
    ),
    Claim(
        "markovian_masked",
        "4.1, figure 2",
        "With half of the state hidden, context plays a larger role (Transformer less Markovian "
        "variant, masked less full, nats)",
        masked_gain,
        beats(),
    ),
    Claim(
        "attention_markov",
        "4.1, figure 3",
        "A head attends overwhelmingly to the previous transition (share of its attention; "
        "overwhelmingly: more than half)",
        previous_transition(claimed=_OVERWHELMING),
        exists_above(_OVERWHELMING),
        digits=2,
    ),
    Claim(
        "attention_striated",
        "4.1, figure 3",
        "A head attends to the same dimension of several earlier states (its share divided by the "
        "largest share of a random model's heads)",
        striation,
        exists_above(2),
        digits=2,
    ),
    Claim(
        "attention_actions",
        "4.1, figure 3",
        "Actions attend more to past actions than to past states, in that head (difference of "
        "shares)",
        actions_on_actions,
        exists_above(0),
        digits=2,
    ),
    Claim(
        "discretisation",
        "5",
        "Discretisation is much more effective than a continuous model (the same Transformer with "
        "values as inputs and Gaussian outputs, not the ensemble at its first step; log-likelihood "
        "less that model's, nats, mean over steps; much: one nat)",
        lead(TRANSFORMER, GAUSSIAN),
        beats(_MUCH),
    ),
    Claim(
        "slower_prediction",
        "5",
        "The Transformer predicts more slowly than single-step models (its CPU time of a predicted "
        "step divided by the ensemble's)",
        slowdown(TRANSFORMER, ENSEMBLES[0]),
        beats(1),
    ),
)
