"""Rules by hand: each verdict of each rule."""

import pytest
from claim_evidence import BY_ID
from hypothesis import given
from hypothesis import strategies as st

from tto.report.claims.claim import SINGLE, Claim, Measured, judge
from tto.report.claims.evidence import Evidence
from tto.report.claims.rules import (
    VerdictRule,
    beats,
    exists_above,
    is_at_least,
    is_at_most,
    not_below,
    stays_below,
    within,
)
from tto.report.numbers.statistics import Estimate


def verdict(rule: VerdictRule, low: float | None, high: float | None, value: float = 0.0) -> str:
    measured = Measured(Estimate(value, low, high))
    return judge(Claim("x", "1", "x", lambda _: measured, rule), Evidence()).verdict


# Rule, and intervals for which it holds, fails and is undecided.
RULES = [
    (beats(), [(0.1, 3)], [(-3, -1), (-1, 0)], [(0, 0.1), (-1, 1)]),
    (stays_below(5), [(1, 4.9)], [(5, 6)], [(1, 5), (4, 6)]),
    (not_below(10, 3), [(7.1, 9), (11, 12)], [(1, 6.9)], [(7, 12), (6, 9), (1, 7)]),
    (within(10, 2), [(8, 12), (9, 9)], [(5, 7.9), (12.1, 14)], [(7.9, 9), (9, 13), (1, 20)]),
    (is_at_least(95), [(95, 99)], [(90, 94.9)], [(94, 96), (94.9, 95)]),
    (is_at_most(1.3), [(1, 1.3)], [(1.31, 2)], [(1.3, 1.31), (1, 2)]),
]


@pytest.mark.parametrize(("rule", "holds", "fails", "undecided"), RULES)
def test_rules_on_intervals(rule: VerdictRule, holds, fails, undecided):
    for expected, intervals in (("holds", holds), ("fails", fails), ("undecided", undecided)):
        for low, high in intervals:
            assert verdict(rule, low, high) == expected, (low, high)
    finding = judge(Claim("x", "1", "x", lambda _: Measured(Estimate(0, 0, 0)), rule), Evidence())
    assert finding.why == rule.words
    assert verdict(rule, None, None) == "not tested"


def test_what_was_seen_once_is_judged_by_its_number():
    rule = exists_above(0.5)
    assert verdict(rule, None, None, 0.6) == "holds"
    assert verdict(rule, None, None, 0.5) == "fails"
    assert "one model's number" in rule.words


NUMBERS = st.floats(-100, 100)


@given(
    rule=st.sampled_from([rule for rule, *_ in RULES]),
    ends=st.tuples(NUMBERS, NUMBERS).map(sorted),
    wider=st.tuples(st.floats(0, 50), st.floats(0, 50)),
)
def test_noise_decides_nothing(rule: VerdictRule, ends: list[float], wider: tuple[float, float]):
    """A longer interval keeps a verdict or makes it undecided, and an undecided one stays so."""
    before = verdict(rule, *ends)
    after = verdict(rule, ends[0] - wider[0], ends[1] + wider[1])
    assert after in (before, "undecided")


@given(rule=st.sampled_from([rule for rule, *_ in RULES]), value=NUMBERS)
def test_a_number_without_noise_is_decided(rule: VerdictRule, value: float):
    """But at the very end of a margin, which belongs to neither side."""
    decided = verdict(rule, value, value) in ("holds", "fails")
    assert decided or (rule.words == "interval above 7 (10 less a margin of 3)" and value == 7)


def test_what_judges_nothing_is_shown_with_its_reason():
    single = Estimate(3.0, None, None)
    shown = judge(Claim("x", "1", "x", lambda _: Measured(single), beats()), Evidence())
    assert (shown.verdict, shown.why, shown.estimate) == ("not tested", SINGLE, single)
    unfit = Measured(Estimate(3.0, 2.0, 4.0), "other data")
    other = judge(Claim("x", "1", "x", lambda _: unfit, beats()), Evidence())
    assert (other.verdict, other.why, other.estimate) == ("not tested", "other data", unfit[0])
    never = judge(BY_ID["myopic"], Evidence())
    assert (never.verdict, never.estimate) == ("not tested", None)
    assert never.why == "no sweep reward_to_go in this run"
