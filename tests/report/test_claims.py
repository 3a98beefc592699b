"""Claims by hand: each kind of verdict both ways, each measure against a slow and obvious twin."""

import csv

import numpy as np
import pandas as pd
import pytest
from rollout_rows import rollout_rows

from tto.analysis.indistinguishable import COLUMNS as ANSWER_COLUMNS
from tto.analysis.log_likelihoods import COLUMNS as LIKELIHOOD_COLUMNS
from tto.analysis.prediction_times import COLUMNS as TIME_COLUMNS
from tto.errors import TTOError
from tto.evaluation.results import write_results
from tto.report.claim import (
    SINGLE,
    Claim,
    Measured,
    beats,
    differs,
    equals_at_least,
    exists_above,
    is_at_least,
    is_at_most,
    judge,
    judge_all,
    meets,
    not_tested,
    stays_below,
)
from tto.report.claims import CLAIMS
from tto.report.claims_table import COLUMNS, write_claims
from tto.report.control_measures import NOT_D4RL
from tto.report.dataset_statistics import DatasetStatistics
from tto.report.evidence import Evidence, read_evidence
from tto.report.goal_reaching import COLUMNS as GOAL_COLUMNS
from tto.report.published import PAPER_ROWS, read_published
from tto.report.statistics import Estimate

BY_ID = {claim.id: claim for claim in CLAIMS}
PER_CENT, ZERO = 32.54572305, -20.272305  # of hopper's scores, in returns


def returns(*scores: float) -> list[list[float]]:
    """One rollout of each seed, as hopper's returns."""
    return [[score * PER_CENT + ZERO] for score in scores]


def hopper(kind: str, *, source: str = "collect", **scores: tuple[float, ...]) -> pd.DataFrame:
    """Scores by method and seed."""
    played = {method: returns(*values) for method, values in scores.items()}
    return rollout_rows(f"hopper-{kind}-v2", returns=played, source=source)


def found(name: str, **evidence):
    return judge(BY_ID[name], Evidence(**evidence))


@pytest.mark.parametrize(
    ("rule", "holding", "failing"),
    [
        (beats(), Estimate(2.0, 0.1, 3.0), Estimate(2.0, 0.0, 3.0)),
        (stays_below(5), Estimate(2.0, 1.0, 4.9), Estimate(2.0, 1.0, 5.0)),
        (equals_at_least(), Estimate(-2.0, -4.0, 0.0), Estimate(-2.0, -4.0, -0.1)),
        (meets(10, 2), Estimate(13.0, 12.0, 14.0), Estimate(13.0, 12.1, 14.0)),
        (meets(10, 2), Estimate(7.0, 6.0, 8.0), Estimate(7.0, 6.0, 7.9)),
        (differs(), Estimate(-2.0, -4.0, -0.1), Estimate(-2.0, -4.0, 0.0)),
        (is_at_least(95), Estimate(95.0, 80.0, 96.0), Estimate(94.9, 80.0, 99.0)),
        (is_at_most(1.3), Estimate(1.3, 1.0, 2.0), Estimate(1.31, 1.0, 2.0)),
        (exists_above(0.5), Estimate(0.6, None, None), Estimate(0.5, None, None)),
    ],
)
def test_rules_both_ways(rule, holding: Estimate, failing: Estimate):
    for estimate, verdict in ((holding, "holds"), (failing, "fails")):
        finding = judge(Claim("x", "1", "x", lambda _, e=estimate: Measured(e), rule), Evidence())
        assert (finding.verdict, finding.why) == (verdict, rule.words)


def test_what_judges_nothing_is_shown_with_its_reason():
    single = Estimate(3.0, None, None)
    shown = judge(Claim("x", "1", "x", lambda _: Measured(single), beats()), Evidence())
    assert (shown.verdict, shown.why, shown.estimate) == ("not tested", SINGLE, single)
    unfit = Measured(Estimate(3.0, 2.0, 4.0), "other data")
    other = judge(Claim("x", "1", "x", lambda _: unfit, beats()), Evidence())
    assert (other.verdict, other.why, other.estimate) == ("not tested", "other data", unfit[0])
    never = judge(Claim("x", "1", "x", not_tested("no such run"), beats()), Evidence())
    assert (never.verdict, never.why, never.estimate) == ("not tested", "no such run", None)


def test_nothing_is_tested_without_evidence():
    findings = judge_all(CLAIMS, Evidence())
    assert {finding.verdict for finding in findings} == {"not tested"}
    assert all(finding.why for finding in findings)
    assert len({finding.claim.id for finding in findings}) == len(findings) > 40


def test_every_number_of_table1_is_a_claim():
    means = {scores["tto"].mean for scores in read_published().values()}
    assert {c.paper for c in CLAIMS if c.id.startswith("table1_")} == means
    assert BY_ID["competitive"].paper == pytest.approx(sum(means) / 9, abs=0.01)


def test_table1_is_judged_on_d4rl_alone():
    near = hopper("medium", source="d4rl", tto=(60.0, 80.0))
    finding = found("table1_hopper_medium", rollouts=near)
    assert finding.estimate == pytest.approx((70.0, 60.0, 80.0))
    assert finding.verdict == "holds"
    far = hopper("medium", source="d4rl", tto=(10.0, 20.0))
    assert found("table1_hopper_medium", rollouts=far).verdict == "fails"
    here = found("table1_hopper_medium", rollouts=hopper("medium", tto=(60.0, 80.0)))
    assert (here.verdict, here.why) == ("not tested", NOT_D4RL)
    assert here.estimate == finding.estimate


def test_both_versions_of_a_dataset_are_kept_apart():
    """D4RL's own is what the paper's number is about."""
    other = hopper("medium", tto=(0.0, 1.0)).assign(dataset="hopper-medium-v0")
    rows = pd.concat([other, hopper("medium", source="d4rl", tto=(60.0, 80.0))])
    assert found("table1_hopper_medium", rollouts=rows).estimate == pytest.approx((70, 60, 80))


@pytest.mark.parametrize(("shift", "verdict"), [(20.0, "holds"), (-20.0, "fails")])
def test_a_mean_over_kinds_needs_them_all(shift: float, verdict: str):
    scores = {"medium": 60.0, "medium-replay": 80.0, "medium-expert": 100.0}
    rows = [
        hopper(kind, source="d4rl", tto=(score + shift, score + shift + 3.0))
        for kind, score in scores.items()
    ]
    finding = found("best_prior_hopper", rollouts=pd.concat(rows))
    assert finding.estimate == pytest.approx((80 + shift + 1.5, 80 + shift, 80 + shift + 3))
    assert finding.verdict == verdict
    lacking = found("best_prior_hopper", rollouts=pd.concat(rows[:2]))
    assert lacking.why == "no TTO on hopper med-expert in this run"


@pytest.mark.parametrize(
    ("tto", "equal", "better"),
    [((12.0, 14.0), "holds", "holds"), ((9.0, 12.0), "holds", "fails"), ((5, 8), "fails", "fails")],
)
def test_against_behaviour_cloning(tto: tuple[float, ...], equal: str, better: str):
    mixed = hopper("medium-replay", tto=tto, bc=(10.0, 10.0))
    medium = hopper("medium", tto=tto, bc=(10.0, 10.0))
    assert found("local_hopper_medium_replay", rollouts=mixed).verdict == better
    assert found("local_hopper_medium", rollouts=medium).verdict == equal
    both = found("better_than_bc", rollouts=pd.concat([mixed, medium]))
    difference = (np.mean(tto) - 10, tto[0] - 10, tto[1] - 10)
    assert both.estimate == pytest.approx(difference)
    assert both.verdict == better


def statistics(dataset: str, return_mean: float, score_mean: float | None = None):
    row = DatasetStatistics(dataset, "collect", "x", 9, 900, return_mean, 1.0, score_mean, 100.0)
    return {dataset: row}


@pytest.mark.parametrize(
    ("tto", "pessimism", "value"),
    [
        ((30.0, 40.0), "holds", "holds"),
        ((15.0, 25.0), "holds", "fails"),
        ((5, 10), "fails", "holds"),
    ],
)
def test_against_the_data(tto: tuple[float, ...], pessimism: str, value: str):
    evidence = {
        "rollouts": hopper("medium", tto=tto),
        "statistics": statistics("hopper-medium-v2", 600.0, 20.0),
    }
    assert found("no_pessimism", **evidence).verdict == pessimism
    assert found("value_of_behaviour", **evidence).verdict == value


def test_one_model_has_no_interval():
    rows = hopper("medium-replay", tto=(20.0,), bc=(10.0,))
    finding = found("local_hopper_medium_replay", rollouts=rows)
    assert finding.estimate == pytest.approx((10.0, None, None))
    assert (finding.verdict, finding.why) == ("not tested", SINGLE)


@pytest.mark.parametrize(("level", "verdict"), [(96.0, "holds"), (94.0, "fails")])
def test_imitation_is_of_the_longest_prediction(level: float, verdict: str):
    played = {
        "imitation_h1": [[10.0], [20.0]],
        "imitation_h10": [[10 * level], [10 * level + 1]],
        "bc": [[900.0], [910.0]],
    }
    rows = rollout_rows("hopper-expert-v2", returns=played)
    evidence = {"rollouts": rows, "statistics": statistics("hopper-expert-v2", 1000.0)}
    finding = found("local_imitation_hopper", **evidence)
    assert finding.estimate == pytest.approx((level + 0.05, level, level + 0.1))
    assert finding.verdict == verdict
    assert found("imitation_hopper", **evidence).why == NOT_D4RL
    # the same in walker2d makes both robots: the worse of the two is judged
    walker = rows.assign(dataset="walker2d-expert-v2", env="Walker2d-v5")
    stored = evidence["statistics"] | statistics("walker2d-expert-v2", 2000.0)
    both = {"rollouts": pd.concat([rows, walker]), "statistics": stored}
    assert found("decoding_controls", **both).estimate == pytest.approx(
        (level / 2 + 0.025, level / 2, level / 2 + 0.05)
    )
    assert found("bc_reproduces", **both).estimate == pytest.approx((45.25, 45.0, 45.5))
    assert "walker2d" in found("decoding_controls", **evidence).why


def goals(reached: int, length: float, pairs: int = 20) -> pd.DataFrame:
    rows = [
        (method, pair, int(method == "collector" or pair < reached), way, 10, 1.0)
        for method, way in (("goal", length), ("collector", 1.0))
        for pair in range(pairs)
    ]
    return pd.DataFrame(rows, columns=list(GOAL_COLUMNS))


@pytest.mark.parametrize(
    ("reached", "length", "verdicts"),
    [
        (19, 1.2, ("holds", "holds", "holds")),
        (18, 1.4, ("holds", "fails", "fails")),
        (10, 1.4, ("fails", "fails", "fails")),
    ],
)
def test_goal_reaching(reached: int, length: float, verdicts: tuple[str, ...]):
    names = ("goal_reaching", "local_goal_success", "local_goal_paths")
    findings = [found(name, goals=goals(reached, length)) for name in names]
    assert tuple(finding.verdict for finding in findings) == verdicts
    value, low, high = findings[1].estimate or (0.0, None, None)
    assert value == pytest.approx(5 * reached)
    assert low is not None
    assert high is not None
    assert low < value < high


def sweep(name: str, cells: list[tuple[str, str, str, int, float]]) -> dict[str, pd.DataFrame]:
    """(value, line, dataset, seed, score) to rows."""
    rows = [(name, v, line, data, seed, 0, 100 * s, s) for v, line, data, seed, s in cells]
    columns = ["sweep", "value", "line", "dataset", "seed", "rollout", "return", "score"]
    return {name: pd.DataFrame(rows, columns=columns)}


def test_a_setting_switched_by_values_and_by_lines():
    data = "hopper-medium-replay-v2"
    flat = [("true", data, data, 0, 5.0), ("true", data, data, 1, 7.0)]
    flat += [("false", data, data, 0, 4.0), ("false", data, data, 1, 3.0)]
    finding = found("myopic", sweeps=sweep("reward_to_go", flat))
    assert finding.estimate == pytest.approx((2.5, 1.0, 4.0))
    assert finding.verdict == "holds"
    lines = [
        (str(horizon), f"{data}, {state}", data, seed, score + horizon)
        for state, *scores in (("true", 5.0, 3.0), ("false", 4.0, 3.0))
        for seed, score in enumerate(scores)
        for horizon in (1, 2)
    ]
    finding = found("myopic", sweeps=sweep("reward_to_go", lines))
    assert finding.estimate == pytest.approx((0.5, 0.0, 1.0))
    assert finding.verdict == "fails"


def test_a_switch_on_one_dataset_of_a_sweep():
    def cells(data: str, gain: float):
        rows = [("quantile", data, data, seed, 1.0 + gain + seed / 10) for seed in (0, 1)]
        return rows + [("uniform", data, data, seed, 1.0) for seed in (0, 1)]

    other = cells("hopper-medium-v2", 5.0)
    here = other + cells("halfcheetah-medium-expert-v2", 2.0)
    assert found("coarse_bins", sweeps=sweep("bins", here)).estimate == pytest.approx(
        (2.05, 2, 2.1)
    )
    missing = found("coarse_bins", sweeps=sweep("bins", other))
    assert "halfcheetah med-expert" in missing.why
    # without a row of the paper, all data of the sweep weigh the same
    renamed = [
        (v.replace("quantile", "return").replace("uniform", "likelihood"), *rest)
        for v, *rest in here
    ]
    assert found("local_objective", sweeps=sweep("objective", renamed)).estimate == pytest.approx(
        (3.55, 3.5, 3.6)
    )


@pytest.mark.parametrize(("plan_ms", "verdict"), [(30.0, "holds"), (3.0, "fails")])
def test_planning_time(plan_ms: float, verdict: str):
    rows = hopper("medium", tto=(1.0, 2.0)).assign(plan_ms_median=plan_ms)
    finding = found("not_real_time", rollouts=rows)
    assert finding.estimate == pytest.approx((plan_ms / 8,) * 3)
    assert finding.verdict == verdict


def likelihoods(env: str = "Hopper-v5", state: str = "full", *, steps: int = 3, **models):
    """Models to (level, loss a step); seeds differ by 0.5 in what a step costs."""
    rows = [
        (
            *(f"{env}-{state}", env, state, model, seed, episode, step),
            *(level - (loss + 0.5 * seed * (loss > 0)) * (step - 1) + episode, 100.0, 0.9, 0.0),
        )
        for model, (level, loss) in models.items()
        for seed in (0, 1)
        for episode in (0, 1)
        for step in range(1, steps + 1)
    ]
    return pd.DataFrame(rows, columns=list(LIKELIHOOD_COLUMNS))


def test_prediction_by_hand():
    rows = likelihoods(transformer=(30.0, 0.0), markovian=(29.0, 0.0), ensemble_ts_inf=(28.0, 2.0))
    expected = {
        "reliable_predictor": (4.25, 4.0, 4.5),  # 2 + mean of 0, 2, 4
        "compounding": (4.5, 4.0, 5.0),
        "long_horizon_loss": (4.5, 4.0, 5.0),
        "architecture": (3.25, 3.0, 3.5),  # 1 + mean of 0, 2, 4
        "markovian_full": (100 / 4.25,) * 3,
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
    names = ("reliable_predictor", "compounding", "architecture", "long_horizon_loss")
    assert {found(name, likelihoods=rows).verdict for name in names} == {"fails"}
    assert found("hundred_steps", likelihoods=rows).verdict == "fails"
    assert "no lead" in found("markovian_full", likelihoods=rows).why
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
    assert found("reliable_predictor", likelihoods=both).estimate.value == 10 + 6.25
    assert found("long_horizon_loss", likelihoods=both).estimate.value == 2 * 6.25
    assert found("discretisation", likelihoods=both).estimate.value == 10


def useful(loss: float, *, steps: int, marginal: float = 0.0):
    """The ensemble begins at 20 (21 in episode 1) and loses so much a step (seed 1: 0.5 more)."""
    rows = likelihoods(ensemble_ts_inf=(20.0, loss), steps=steps)
    level = likelihoods(marginal=(marginal, 0.0), steps=steps)
    return found("few_dozen_steps", likelihoods=pd.concat([rows, level[level["seed"] == 0]]))


def test_the_first_step_below_the_marginal():
    finding = useful(1.0, steps=40)  # below 0 after 20 steps, of seed 1 after 13.3
    assert finding.estimate == pytest.approx((18.5, 15, 22))
    assert finding.verdict == "holds"
    late = useful(0.3, steps=90)  # after 66.7 and 25 steps
    assert late.estimate.value == (68 + 27) / 2
    assert late.verdict == "fails"


def test_an_ensemble_that_never_falls_below_the_marginal():
    never = useful(0.0, steps=40)
    assert (never.estimate.value, never.verdict) == (41, "fails")  # the least that it can be
    short = useful(0.0, steps=30)
    assert (short.estimate.value, short.verdict) == (31, "not tested")
    assert short.why == "at least: of 2 seeds never within 30 steps"
    one = useful(0.3, steps=40)  # of seed 1 alone
    assert (one.estimate.value, one.verdict) == ((41 + 27) / 2, "not tested")
    assert "of 1 seeds never within 40 steps" in one.why
    without = likelihoods(ensemble_ts_inf=(20.0, 1.0))
    assert "marginal" in found("few_dozen_steps", likelihoods=without).why


@pytest.mark.parametrize(("right", "verdict"), [((40, 44), "holds"), ((40, 52), "fails")])
def test_a_classifiers_answers(right: tuple[int, int], verdict: str):
    rows = [
        ("humanoid", "tto/Humanoid-v5", model, seed, 100, 40, count, 80)
        for model, counts in (("transformer", right), ("ensemble_ts_inf", (80, 80)))
        for seed, count in enumerate(counts)
    ]
    answers = pd.DataFrame(rows, columns=list(ANSWER_COLUMNS))
    finding = found("indistinguishable", answers=answers)
    assert finding.estimate == pytest.approx(
        (100 * sum(right) / 160, 100 * right[0] / 80, 100 * right[1] / 80)
    )
    assert finding.verdict == verdict
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
    names = ["kind", "layer", "head", "previous_transition", "older_transitions"]
    names += ["same_dimension_older", "actions_to_actions", "actions_to_states"]
    rows = [
        ("head", 1, 1, 0.7, 0.1, 0.01, 0.3, 0.1),
        ("head", 2, 1, 0.2, 0.6, 0.15, 0.1, 0.3),
        ("random", 1, 1, 0.4, 0.4, 0.06, 0.1, 0.3),
        ("random", 2, 1, 0.3, 0.4, 0.04, 0.1, 0.3),
        ("even", 0, 0, 0.3, 0.4, 0.05, 0.1, 0.3),
    ]
    heads = pd.DataFrame(rows, columns=names)
    expected = {
        "attention_markov": (0.7, "holds"),
        "attention_striated": (2.5, "holds"),
        "attention_actions": (-0.2, "fails"),
    }
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


def test_files(tmp_path):
    rollouts, metrics = tmp_path / "rollouts.csv", tmp_path / "metrics.csv"
    write_results(rollouts, hopper("medium-replay", tto=(20.0, 30.0), bc=(10.0, 10.0)))
    metrics.write_text("update,seconds\n1,1800\n2,7200\n")
    findings = judge_all(CLAIMS, read_evidence(rollouts=rollouts, metrics=[metrics]))
    paths = {name: tmp_path / f"claims.{name}" for name in ("csv", "markdown", "html")}
    write_claims(findings, **paths)
    with open(paths["csv"], newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert tuple(rows["myopic"]) == COLUMNS
    row = rows["local_hopper_medium_replay"]
    assert (float(row["ours"]), float(row["low"])) == pytest.approx((15.0, 10.0))
    assert (row["paper"], row["verdict"]) == ("", "holds")
    assert float(rows["training_time"]["ours"]) == pytest.approx(2.0)
    assert rows["training_time"]["verdict"] == "not tested"
    assert (rows["myopic"]["ours"], rows["myopic"]["verdict"]) == ("", "not tested")
    text = paths["markdown"].read_text()
    assert "| +" not in text
    assert f"Of the paper's {len(rows) - len(PAPER_ROWS) - 4} claims, " in text
    assert "15.0 [10.0, 20.0]" in text
    assert "15.0 [10.0, 20.0]" in paths["html"].read_text()


def test_damaged_metrics(tmp_path):
    rollouts, metrics = tmp_path / "rollouts.csv", tmp_path / "metrics.csv"
    write_results(rollouts, hopper("medium", tto=(20.0,)))
    metrics.write_text("update,loss\n1,2\n")
    with pytest.raises(TTOError, match="expected a training's metrics with seconds"):
        read_evidence(rollouts=rollouts, metrics=[metrics])
