"""The paper's claims about models as predictors (sections 1, 4.1 and 5)."""

from tto.report.claim import NO_RULE, Claim, beats, exists_above, not_tested, within
from tto.report.prediction_measures import (
    ENSEMBLE,
    GAUSSIAN,
    MARKOVIAN,
    TRANSFORMER,
    actions_on_actions,
    context_share,
    lead,
    lead_at_end,
    loss_of,
    masked_gain,
    previous_transition,
    slower_decay,
    striation,
)

_LONG = 100  # steps of figure 1

PREDICTION_CLAIMS = (
    Claim(
        "reliable_predictor",
        "1, 4.1",
        "The Transformer predicts far ahead more reliably than a conventional dynamics model, even "
        "in Markovian environments (log-likelihood less the ensemble's, nats, mean over steps)",
        lead(TRANSFORMER, ENSEMBLE),
        beats(),
    ),
    Claim(
        "hundred_steps",
        "4.1, figure 1",
        "Predictions are substantially more accurate than the ensemble's even after 100 steps "
        "(log-likelihood less the ensemble's, nats)",
        lead_at_end(TRANSFORMER, ENSEMBLE, least_steps=_LONG),
        beats(),
    ),
    Claim(
        "indistinguishable",
        "4.1, figure 1",
        "Trajectories of 100 predicted steps cannot be told from real ones by eye",
        not_tested("a judgement by eye: see figure 1"),
        NO_RULE,
    ),
    Claim(
        "few_dozen_steps",
        "4.1",
        "The ensemble predicts accurately for no more than a few dozen steps",
        not_tested("the paper says by no number what is accurate: see figure 2"),
        NO_RULE,
    ),
    Claim(
        "compounding",
        "4.1, figure 2",
        "The Transformer's errors compound less than the ensemble's (loss of log-likelihood from "
        "the first step to the last, the ensemble's less the Transformer's, nats)",
        slower_decay(TRANSFORMER, ENSEMBLE),
        beats(),
    ),
    Claim(
        "long_horizon_loss",
        "4.1",
        "Single-step models are good for a step and poor far ahead (the ensemble's log-likelihood "
        "at the first step less the last, nats)",
        loss_of(ENSEMBLE),
        beats(),
    ),
    Claim(
        "markovian_full",
        "4.1, figure 2",
        "Where all is seen, a Markovian variant does similarly: within a tenth of the lead over "
        "the ensemble (Transformer less variant, % of that lead)",
        context_share,
        within(0, 10),
    ),
    Claim(
        "architecture",
        "4.1",
        "So architecture and discretisation are much of the accuracy: the Markovian variant, too, "
        "beats the ensemble (log-likelihood, nats, mean over steps)",
        lead(MARKOVIAN, ENSEMBLE),
        beats(),
    ),
    Claim(
        "markovian_masked",
        "4.1, figure 2",
        "Where half of the state is hidden, context plays a larger role (Transformer less "
        "Markovian variant, masked less full, nats)",
        masked_gain,
        beats(),
    ),
    Claim(
        "attention_markov",
        "4.1, figure 3",
        "A head attends overwhelmingly to the previous transition (share of its attention; "
        "overwhelmingly: more than half)",
        previous_transition,
        exists_above(0.5),
        digits=2,
    ),
    Claim(
        "attention_striated",
        "4.1, figure 3",
        "A head attends to the same dimension of several earlier states (times the share that even "
        "attention has there)",
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
        "Discretisation is much more effective than continuous outputs (log-likelihood less that "
        "of Gaussian outputs, nats, mean over steps)",
        lead(TRANSFORMER, GAUSSIAN),
        beats(),
    ),
    Claim(
        "slower_prediction",
        "5",
        "The Transformer predicts more slowly than single-step models",
        not_tested("no row has the time of a prediction: see docs/benchmarks.md"),
        NO_RULE,
    ),
)
