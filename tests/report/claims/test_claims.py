"""All claims at once: their margins, their numbers, their files."""

import csv
import itertools
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from claim_evidence import (
    BY_ID,
    attention,
    data_of,
    goals,
    hopper,
    likelihoods,
    sweep,
    timed,
)
from rollout_rows import interval, rollout_rows

from tto.errors import TTOError
from tto.report.claims.claim import judge_all
from tto.report.claims.claims import CLAIMS, LOCAL
from tto.report.claims.evidence import Evidence, read_evidence
from tto.report.claims.table import COLUMNS, counted, write_claims
from tto.report.numbers.paper_rows import PAPER_ROWS
from tto.report.numbers.statistics import INTERVALS
from tto.report.tables.formats import TableFiles
from tto.row_files import write_rows


def test_conditions_name_their_margins():
    words = {claim.id: claim.rule.words for claim in CLAIMS}
    equal = "interval above -3 (0 less a margin of 3)"
    assert words["no_pessimism"] == words["local_hopper_medium"] == equal
    assert words["competitive"] == words["best_prior_hopper"] == equal
    assert words["imitation_hopper"] == "interval above 101 (104 less a margin of 3)"
    near = "interval above 95 (100 less a margin of 5)"
    assert words["decoding_controls"] == words["bc_reproduces"] == near
    assert words["table1_hopper_medium"] == "interval within 67.4 ± 11.3"
    assert words["local_hopper_medium_replay"] == "interval above 0"


def test_nothing_is_tested_without_evidence():
    findings = judge_all(CLAIMS, Evidence())
    assert {finding.verdict for finding in findings} == {"not tested"}
    assert all(finding.why for finding in findings)
    assert len({finding.claim.id for finding in findings}) == len(findings) > 40


def test_one_measurement_is_one_claim_of_the_paper():
    """On a run of everything no two of the paper's claims show the same number."""
    generator = np.random.default_rng(0)

    def played(dataset: str, env: str, *methods: str) -> pd.DataFrame:
        returns = {name: generator.uniform(500, 3000, (3, 1)).tolist() for name in methods}
        rows = rollout_rows(dataset, env=env, returns=returns, source="d4rl")
        return rows.assign(plan_ms_median=generator.uniform(1, 9, len(rows)))

    envs = {"hopper": "Hopper-v4", "walker2d": "Walker2d-v4", "halfcheetah": "HalfCheetah-v4"}
    names = {f"{row.robot}-{row.kind}-v2": envs[row.robot] for row in PAPER_ROWS}
    experts = {f"{robot}-expert-v2": envs[robot] for robot in ("hopper", "walker2d")}
    rollouts = [played(name, env, "tto", "bc") for name, env in names.items()]
    rollouts += [played(name, env, "imitation_h10", "bc") for name, env in experts.items()]
    data = [*names, *experts]
    sweeps = {}
    for name, values, dataset in (
        ("reward_to_go", ("true", "false"), "hopper-medium-v2"),
        ("bins", ("quantile", "uniform"), "halfcheetah-medium-expert-v2"),
    ):
        pairs = itertools.product(values, (0, 1, 2))
        cells = [(v, dataset, dataset, seed, generator.uniform(0, 90)) for v, seed in pairs]
        sweeps |= sweep(name, cells)
    likely = [
        likelihoods(
            state=state,
            steps=100,
            transformer=(30, 0.1),
            markovian=(level, 0.12),
            gaussian=(23, 0.3),
            ensemble_ts_inf=(20, 0.4),
        )
        for state, level in (("full", 29.5), ("masked", 25.0))
    ]
    evidence = Evidence(
        rollouts=pd.concat(rollouts),
        goals=goals(17, 1.2),
        statistics={k: v for name in data for k, v in data_of(name, 900.0, 20.0).items()},
        sweeps=sweeps,
        likelihoods=pd.concat(likely),
        heads=attention(),
        plan_times=timed(Hopper=777.0),
        training_hours=[3.0, 4.0],
    )
    findings = [f for f in judge_all(CLAIMS, evidence) if f.claim.section != LOCAL]
    shown = {f.claim.id: f.estimate for f in findings if f.estimate is not None}
    assert set(BY_ID) - set(shown) - {c.id for c in CLAIMS if c.section == LOCAL} == {
        *("rough_values", "unconstrained_actions", "indistinguishable", "few_dozen_steps"),
        *("long_horizon_loss", "slower_prediction"),
    }
    numbers = [round(estimate.value, 9) for estimate in shown.values()]
    assert len(set(numbers)) == len(numbers), shown


def test_files(tmp_path):
    names = ("rollouts.csv", "metrics.csv", "plan_times.csv")
    rollouts, metrics, plans = (tmp_path / name for name in names)
    write_rows(rollouts, hopper("medium-replay", tto=(20.0, 21.0), bc=(10.0, 10.0)))
    write_rows(plans, timed(Hopper=4.0))
    metrics.write_text("update,seconds\n1,1800\n2,7200\n")
    evidence = read_evidence(rollouts=rollouts, metrics=[metrics], plan_times=plans)
    findings = judge_all(CLAIMS, evidence)
    paths = {name: tmp_path / f"claims.{name}" for name in ("csv", "markdown", "html")}
    write_claims(findings, TableFiles(**paths))
    with open(paths["csv"], newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert tuple(rows["myopic"]) == COLUMNS
    row = rows["local_hopper_medium_replay"]
    assert (float(row["ours"]), float(row["low"])) == pytest.approx(interval(10, 11)[:2])
    assert (row["paper"], row["verdict"]) == ("", "holds")
    assert float(rows["training_time"]["ours"]) == pytest.approx(2.0)
    assert rows["training_time"]["verdict"] == "not tested"
    assert (rows["myopic"]["ours"], rows["myopic"]["verdict"]) == ("", "not tested")
    text = paths["markdown"].read_text()
    assert "| +" not in text
    counts = Counter(row["verdict"] for row in rows.values() if row["section"] != LOCAL)
    count = len(rows) - len(PAPER_ROWS) - 5
    assert f"Of the paper's {count} claims, 1 hold in this run, 1 fail and" in text
    assert counted({"holds": 1, "fails": 2, "undecided": 3, "not tested": 4}) == (
        "Of the paper's 10 claims, 1 hold in this run, 2 fail, 3 are undecided and 4 are not tested"
    )
    assert counts == {"holds": 1, "fails": 1, "not tested": count - 2}
    assert INTERVALS in text
    page = paths["html"].read_text()
    assert "10.5 [4.1, 16.9]" in text
    assert "10.5 [4.1, 16.9]" in page
    assert 'data-verdict="undecided"' in page
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    assert cells[0] == [
        *("id", "section", "claim", "paper", "ours", "verdict", "holds if", "not tested because"),
    ]
    by_id = {row[0]: row[4:] for row in cells}
    assert by_id["local_hopper_medium_replay"][1:] == ["holds", "interval above 0", "-"]
    assert by_id["local_hopper_medium"][1:3] == [
        "not tested",
        "interval above -3 (0 less a margin of 3)",
    ]
    assert by_id["training_time"][3].startswith("another machine")


def test_damaged_metrics(tmp_path):
    rollouts, metrics = tmp_path / "rollouts.csv", tmp_path / "metrics.csv"
    write_rows(rollouts, hopper("medium", tto=(20.0,)))
    metrics.write_text("update,loss\n1,2\n")
    with pytest.raises(TTOError, match="expected a training's metrics with seconds"):
        read_evidence(rollouts=rollouts, metrics=[metrics])
