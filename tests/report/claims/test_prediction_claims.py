"""Claims about predictions: each measure against a slow and obvious twin."""

import numpy as np
import pandas as pd
import pytest
from claim_evidence import attention, found, likelihoods
from rollout_rows import interval

from tto.analysis.indistinguishable import COLUMNS as ANSWER_COLUMNS
from tto.analysis.prediction_times import COLUMNS as TIME_COLUMNS
from tto.report.claims.claim import SINGLE
from tto.report.numbers.statistics import success_rate


def test_prediction_by_hand():
    rows = likelihoods(transformer=(30.0, 0.0), markovian=(29.0, 0.0), ensemble_ts_inf=(28.0, 2.0))
    expected = {
        "reliable_predictor": interval(4.0, 4.02),  # 2 + mean of 0, 2, 4
        "compounding": interval(4.0, 4.04),  # two steps
        "architecture": interval(3.0, 3.02),  # 1 + mean of 0, 2, 4
        "markovian_full": (100 / 4.01,) * 3,
    }
    for name, estimate in expected.items():
        assert found(name, likelihoods=rows).estimate == pytest.approx(estimate), name
    verdicts = {name: found(name, likelihoods=rows).verdict for name in expected}
    assert verdicts.pop("markovian_full") == "fails"
    assert set(verdicts.values()) == {"holds"}
    assert "3 steps" in found("hundred_steps", likelihoods=rows).why
    assert "continuous" in found("discretisation", likelihoods=rows).why


def test_prediction_the_other_way():
    rows = likelihoods(
        transformer=(30.0, 2.0), markovian=(30.0, 2.0), ensemble_ts_inf=(28.0, 0.0), steps=100
    )
    names = ("reliable_predictor", "compounding", "architecture")
    assert {found(name, likelihoods=rows).verdict for name in names} == {"fails"}
    assert found("hundred_steps", likelihoods=rows).verdict == "fails"
    assert "no sure lead" in found("markovian_full", likelihoods=rows).why
    ahead = likelihoods(
        transformer=(30, 0), markovian=(29.9, 0), ensemble_ts_inf=(20, 0), steps=101
    )
    assert found("markovian_full", likelihoods=ahead).verdict == "holds"
    assert found("hundred_steps", likelihoods=ahead).verdict == "holds"
    around_100 = ahead["step"].isin([99, 101]) & (ahead["model"] == "transformer")
    elsewhere = ahead.assign(log_likelihood=ahead["log_likelihood"] - 50 * around_100)
    assert found("hundred_steps", likelihoods=elsewhere).estimate == pytest.approx((10, 10, 10))


def test_prediction_is_judged_on_the_humanoid_where_it_was_predicted():
    hopper = likelihoods(transformer=(30, 0), gaussian=(20, 0), ensemble_ts_inf=(40, 0))
    humanoid = likelihoods("tto/Humanoid-v5", transformer=(30, 0), ensemble_ts_inf=(20, 6))
    both = pd.concat([hopper, humanoid])
    assert found("reliable_predictor", likelihoods=hopper).estimate.value == -10
    assert found("reliable_predictor", likelihoods=both).estimate.value == pytest.approx(10 + 6.03)
    assert found("discretisation", likelihoods=both).estimate.value == 10


def test_the_better_propagation_of_the_ensemble_counts():
    """One is ahead at first, the other at last, and each falls behind in its own way."""
    rows = likelihoods(
        transformer=(30.0, 0.0), ensemble_ts_inf=(28.0, 2.0), ensemble_ts1=(26.0, 0.0), steps=100
    )
    alone = rows[rows["model"] != "ensemble_ts1"]
    for name, less in (("reliable_predictor", 4.0), ("hundred_steps", 4.0), ("compounding", 0.0)):
        assert found(name, likelihoods=rows).estimate.value == pytest.approx(less), name
        assert found(name, likelihoods=alone).estimate.value > 50, name


def beside_marginal(marginal: float = 0.5, *, steps: int, **models: tuple[float, float]):
    """Models to (level, loss a step), and a marginal of one level, which one seed has alone."""
    level = likelihoods(marginal=(marginal - 0.5, 0.0), steps=steps)
    return pd.concat([likelihoods(steps=steps, **models), level[level["seed"] == 0]])


def test_good_for_a_step_and_poor_far_ahead():
    rows = beside_marginal(ensemble_ts_inf=(20.0, 1.0), ensemble_ts1=(20.0, 0.5), steps=51)
    finding = found("long_horizon_loss", likelihoods=rows)
    assert finding.estimate == pytest.approx(interval(5.0, 5.25))  # TS1 at step 51
    assert finding.verdict == "holds"
    rows = beside_marginal(ensemble_ts_inf=(20.0, 0.1), steps=51)  # better to the end
    assert found("long_horizon_loss", likelihoods=rows).verdict == "fails"
    rows = beside_marginal(ensemble_ts_inf=(-20.0, 1.0), steps=51)  # worse from the start
    assert found("long_horizon_loss", likelihoods=rows).verdict == "fails"


def test_the_step_at_which_an_ensemble_is_no_better_than_the_marginal():
    rows = beside_marginal(ensemble_ts_inf=(20.0, 2.0), ensemble_ts1=(20.0, 4.0), steps=40)
    finding = found("few_dozen_steps", likelihoods=rows)  # 20 is lost after ten steps
    assert finding.estimate == pytest.approx((11, 11, 11))
    assert finding.verdict == "holds"
    late = beside_marginal(ensemble_ts_inf=(20.0, 0.5), steps=90)  # after 40 and 39.6 steps
    assert found("few_dozen_steps", likelihoods=late).estimate == pytest.approx((41, 41, 41))
    assert found("few_dozen_steps", likelihoods=late).verdict == "fails"
    blind = beside_marginal(ensemble_ts_inf=(-20.0, 0.0), steps=9)  # it never knew anything
    assert found("few_dozen_steps", likelihoods=blind).estimate.value == 1


def test_an_ensemble_that_stays_better_than_the_marginal():
    never = found("few_dozen_steps", likelihoods=beside_marginal(ensemble_ts1=(20, 0), steps=40))
    assert (never.estimate.value, never.verdict) == (41, "fails")  # the least that it can be
    short = found("few_dozen_steps", likelihoods=beside_marginal(ensemble_ts1=(20, 0), steps=30))
    assert (short.estimate.value, short.verdict) == (31, "not tested")
    assert short.why == "at least: of 2 seeds never within 30 steps"
    rows = beside_marginal(ensemble_ts_inf=(20.0, 1.996), steps=11)  # it is lost by seed 1 alone
    one = found("few_dozen_steps", likelihoods=rows)
    assert (one.estimate.value, one.verdict) == ((12 + 11) / 2, "not tested")
    assert "of 1 seeds never within 11 steps" in one.why
    without = likelihoods(ensemble_ts_inf=(20.0, 1.0))
    assert "marginal" in found("few_dozen_steps", likelihoods=without).why


def test_episodes_that_differ_widen_an_interval():
    """All seeds predict the same two episodes, of which one shows a lead of 4 and one of 0."""
    rows = likelihoods(transformer=(30.0, 0.0), ensemble_ts_inf=(28.0, 0.0))
    lead = 2.0 * rows["episode"].map({0: 1, 1: -1}) * (rows["model"] == "transformer")
    rows = rows.assign(log_likelihood=rows["log_likelihood"] + lead)
    finding = found("reliable_predictor", likelihoods=rows)
    assert finding.estimate == pytest.approx(interval(4.0, 0.0))
    assert finding.verdict == "undecided"


def test_a_share_of_a_lead_is_of_one_robot():
    """The ensemble is behind on the humanoid, where no variant predicted, and ahead on hopper."""
    humanoid = likelihoods("tto/Humanoid-v5", transformer=(30, 0), ensemble_ts_inf=(10, 0))
    hopper = likelihoods(transformer=(30, 0), markovian=(29.9, 0), ensemble_ts_inf=(40, 0))
    assert "no sure lead" in found("markovian_full", likelihoods=pd.concat([humanoid, hopper])).why


@pytest.mark.parametrize(
    ("right", "verdict"),
    [
        ((400, 400), "holds"),
        ((560, 560), "fails"),
        ((400, 520), "undecided"),
        ((464, 464), "undecided"),
    ],
)
def test_a_classifiers_answers(right: tuple[int, int], verdict: str):
    rows = [
        ("humanoid", "tto/Humanoid-v5", model, seed, 100, 40, count, 800)
        for model, counts in (("transformer", right), ("ensemble_ts_inf", (800, 800)))
        for seed, count in enumerate(counts)
    ]
    answers = pd.DataFrame(rows, columns=list(ANSWER_COLUMNS))
    finding = found("indistinguishable", answers=answers)
    share = success_rate([np.arange(800) < count for count in right])
    assert finding.estimate == pytest.approx(100 * np.array(share))
    assert finding.verdict == verdict
    alone = found("indistinguishable", answers=answers[answers["seed"] == 0])
    assert (alone.verdict, alone.why) == ("not tested", SINGLE)
    assert "no classifier" in found("indistinguishable").why


@pytest.mark.parametrize(("factor", "verdict"), [(3.0, "holds"), (0.5, "fails")])
def test_the_time_of_a_step(factor: float, verdict: str):
    rows = [
        ("humanoid", model, seed, repetition, 10, 20, seconds * (1 + seed) * busy)
        for model, seconds in (("transformer", 2 * factor), ("ensemble_ts_inf", 2.0))
        for seed in (0, 1)
        for repetition, busy in ((1, 1), (2, 1), (3, 100))
    ]
    times = pd.DataFrame(rows, columns=list(TIME_COLUMNS))
    finding = found("slower_prediction", times=times)
    assert finding.estimate == pytest.approx((factor,) * 3)
    assert finding.verdict == verdict
    assert "no predicted step" in found("slower_prediction").why


@pytest.mark.parametrize(("gain", "verdict"), [(3.0, "holds"), (1.0, "fails")])
def test_context_where_states_are_masked(gain: float, verdict: str):
    full = likelihoods(transformer=(30.0, 0.0), markovian=(28.0, 0.0))
    masked = likelihoods(state="masked", transformer=(20.0 + gain, 0.0), markovian=(20.0, 0.0))
    finding = found("markovian_masked", likelihoods=pd.concat([full, masked]))
    assert finding.estimate == pytest.approx((gain - 2,) * 3)
    assert finding.verdict == verdict
    elsewhere = masked.assign(env="Walker2d-v5")
    alone = found("markovian_masked", likelihoods=pd.concat([full, elsewhere]))
    assert "no robot" in alone.why


def test_attention_by_hand():
    expected = {
        "attention_markov": (0.7, "holds"),
        "attention_striated": (2.5, "holds"),
        "attention_actions": (-0.2, "fails"),
    }
    heads = attention()
    for name, (value, verdict) in expected.items():
        finding = found(name, heads=heads)
        assert finding.estimate == pytest.approx((value, None, None))
        assert finding.verdict == verdict
    more = heads.assign(previous_transition=heads["previous_transition"].replace(0.4, 0.75))
    by_chance = found("attention_markov", heads=more)
    assert (by_chance.verdict, by_chance.why) == ("not tested", "a random model's head has 0.75")
    less = heads.assign(previous_transition=heads["previous_transition"].replace(0.7, 0.4))
    assert found("attention_markov", heads=less).verdict == "fails"  # by chance or not
    wide = heads.assign(same_dimension_older=heads["same_dimension_older"].replace(0.04, 0.1))
    assert found("attention_striated", heads=wide).verdict == "fails"
