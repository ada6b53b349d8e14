"""Thresholds: the promised false-alarm rate, ranks, counts and costs."""

import numpy as np
import pytest

from diabolo.errors import ArgumentError, FormatError, InputError
from diabolo.jobs.detect.rules import RULES, FalseAlarms, MostSuspicious, Rule, Threshold, cheapest, rule_of
from diabolo.jobs.detect.thresholds import p_values, rate_interval, resampled_rates


def test_p_values_count_the_calibration_scores_at_or_above() -> None:
    found = p_values(np.array([0.0, 2.0, 2.5, 9.0]), np.array([1.0, 2.0, 3.0]))
    assert found.tolist() == [1.0, 3 / 4, 2 / 4, 1 / 4]


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.1])
def test_the_mean_false_alarm_rate_is_at_or_below_the_promise(rate: float) -> None:
    rates = resampled_rates(np.random.default_rng(0).standard_t(2, 8000), rate, repeats=200, seed=1)
    assert rates.mean() <= rate + rates.std() / np.sqrt(len(rates))
    assert rates.mean() > rate / 2


def test_the_interval_holds_the_rate_of_a_calibration_set() -> None:
    generator = np.random.default_rng(1)
    low, high = rate_interval(500, 0.1)
    thresholds = np.sort(generator.random((400, 500)), 1)[:, -50]
    inside = (low <= 1 - thresholds) & (1 - thresholds <= high)
    assert 0.92 < inside.mean() < 0.98
    assert rate_interval(50, 0.001) == (0.0, 0.0)


def test_a_number_of_alerts_is_kept_exactly_in_spite_of_ties() -> None:
    assert MostSuspicious(4).raised(np.ones(9), np.ones(1)).sum() == 4


@pytest.mark.parametrize("rule", [FalseAlarms(0.05), MostSuspicious(7), Threshold(1.5)])
def test_an_alert_is_the_least_alert_or_more(rule: Rule) -> None:
    random = np.random.default_rng(5)
    calibration, scores = np.sort(random.normal(size=99)), random.normal(size=200)
    scores[:99] = calibration
    least = rule.least(scores, calibration)
    assert ((scores >= least) == rule.raised(scores, calibration)).all()
    assert FalseAlarms(0.05).least(scores, calibration[:9]) is None


def test_equal_rows_are_equal_though_their_last_digits_differ() -> None:
    random = np.random.default_rng(0)
    kinds = np.sort(random.exponential(size=20))
    kinds[1:] = np.maximum(kinds[1:], kinds[:-1] + 1e-3)
    kind = random.integers(0, 20, 3000)
    scores = kinds[kind] * (1 + random.uniform(-1e-5, 1e-5, 3000))
    calibration = np.sort(scores[:1000])
    np.testing.assert_array_equal(p_values(scores, calibration), p_values(kinds, np.sort(kinds[kind[:1000]]))[kind])
    rule = FalseAlarms(0.1)
    least = rule.least(scores, calibration)
    np.testing.assert_array_equal(rule.raised(scores, calibration), scores >= least)
    marked = kind >= 18
    found = cheapest(scores, marked, miss=1, alarm=1).raised(kinds, calibration)
    np.testing.assert_array_equal(found, np.arange(20) >= 18)


def test_the_cheapest_threshold_is_that_of_trying_all() -> None:
    generator = np.random.default_rng(2)
    scores = generator.integers(0, 30, 200).astype(float)
    marked = generator.random(200) < scores / 60
    rule = cheapest(scores, marked, miss=5, alarm=2)

    def cost(threshold: float) -> float:
        raised = scores >= threshold
        return float(5 * (marked & ~raised).sum() + 2 * (~marked & raised).sum())

    assert cost(rule.value) == min(cost(threshold) for threshold in range(32))


def test_what_cannot_be_meant_is_refused() -> None:
    for name, value in (("false-alarms", 0.0), ("false-alarms", 1.0), ("alerts", 0.5), ("threshold", float("nan"))):
        with pytest.raises(ArgumentError):
            RULES[name](value)
    with pytest.raises(FormatError, match="damaged"):
        rule_of({"rule": "sometimes", "value": 1.0})
    with pytest.raises(InputError, match="both normal and anomalous"):
        cheapest(np.ones(3), np.zeros(3, bool), miss=1, alarm=1)
    with pytest.raises(ArgumentError, match="above 0"):
        cheapest(np.ones(3), np.array([True, False, False]), miss=0, alarm=1)
