"""What `detect` and `calibrate` say of a rule and of labelled samples, and the file of alerts."""

from typing import TYPE_CHECKING

from diabolo.app.common import say
from diabolo.app.output.detection.outcome import outcome_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from diabolo.jobs.detect.rules import Rule
    from diabolo.jobs.detect.thresholds import Scores

Facts = dict[str, float | str | list[float]]
SHOWN = 5
DRIFT_NOTE = "(Anomalies among them count too, and a column that grows with time always drifts.)"
TOO_FEW = "So few samples cannot promise that: nothing is an alert."


def promise(
    calibration: "Scores", rule: "Rule", contamination: float = 0.0, *, interval: bool = True, blocks: int = 0
) -> Facts:
    """Return the rule, the calibration samples behind it, and within what the false-alarm rate lies (95 %).

    contamination: the share of anomalies that was left out of them as far as it showed.
    interval: whether that is asked for; it takes a third of a second to load what computes it.
    blocks: of a series, whose promise is about blocks as long as a window, and extrapolated from so many.
    """
    from diabolo.jobs.detect.thresholds import passing, rate_interval

    facts: Facts = {**rule.to_json(), "calibrated_on": len(calibration)}
    facts |= {"contamination": contamination} if contamination else {}
    if blocks:
        return {**facts, "calibrated_on": blocks, "blocks": blocks}
    if rule.promises_rate:
        known = interval and not contamination  # where scores have left, the rest's ranks follow no such law
        facts |= {"rate_interval": list(rate_interval(len(calibration), rule.value))} if known else {}
        if not passing(rule.value, len(calibration)):
            say(
                f"Warning: {len(calibration)} calibration samples cannot promise a rate of {rule.value:g}: "
                "nothing will be an alert; calibrate on more normal samples, or ask for a higher rate."
            )
    return facts


def rule_text(facts: "Mapping[str, object]") -> str:
    """Return the rule in a few words: 'alerts = 3 a day (Time)'."""
    by = f" a day ({facts['per_day']})" if "per_day" in facts else ""
    return f"{facts['rule']} = {facts['value']:g}{by}"


def promise_text(facts: Facts) -> str:
    text = f"{facts['model']}: {rule_text(facts)}, calibrated on {facts['calibrated_on']:,} {_units(facts)}"
    text += f" (contamination {facts['contamination']:g}: {worst(facts)})" if "contamination" in facts else ""
    interval = facts.get("rate_interval")
    if not isinstance(interval, list) or not interval[1]:
        return text
    return f"{text}; the rate lies within {interval[0]:.3g} to {interval[1]:.3g} (95 %)"


def _units(facts: Facts) -> str:
    return "blocks of steps" if "blocks" in facts else "samples"


def worst(facts: Facts) -> str:
    """Return in words what a promise is worth where a share of anomalies was left out on trust."""
    from diabolo.jobs.detect.rules import RULES
    from diabolo.jobs.detect.thresholds import worst_rate

    most = worst_rate(float(str(facts["value"])), float(str(facts["contamination"])))
    if not RULES[str(facts["rule"])].promises_rate:
        return "p-values hold as far as what was left out were anomalies"
    return f"the rate holds as far as what was left out were anomalies, at worst it is {most:.3g}"


PROMISES = {
    "false-alarms": "At most {value:.3g} of normal samples raise an alert, if they are like the {calibrated_on:,} "
    "that the threshold comes from. ",
    "alerts": "The {value:g} highest scores{by} are alerts; the p-values come from {calibrated_on:,} normal samples. ",
    "threshold": "A score of {value:.4g} or more is an alert: what cost least on labelled samples. ",
}


BLOCKS = PROMISES | {
    "false-alarms": "At most {value:.3g} of blocks of normal steps, each as long as a window, raise an alert, if they "
    "are like the {calibrated_on:,} that the threshold comes from. ",
}


def promise_words(facts: Facts) -> str:
    """Return the rule in whole sentences, for a page."""
    interval = facts.get("rate_interval")
    words = (BLOCKS if "blocks" in facts else PROMISES)[str(facts["rule"])].format(
        by=f" of a day ({facts.get('per_day')})" * ("per_day" in facts), **facts
    )
    if "contamination" in facts:
        words += (
            f"{facts['contamination']:.3g} of those rows were said to be anomalies, and left out where they stood out: "
        )
        words += f"{worst(facts)}. "
    if "blocks" in facts and float(str(facts["value"])) * (float(str(facts["blocks"])) + 1) < 1:
        words += "So few blocks do not reach that rate: the threshold is extrapolated. "
    if not isinstance(interval, list):
        return words
    low, high = interval
    return f"{words}By so many the rate lies within {low:.3g} to {high:.3g} (95 %)." if high else f"{words}{TOO_FEW}"


def measured(marked: "NDArray[np.bool_]", scores: "Scores", weight: float = 1.0) -> dict[str, float]:
    """Return AUROC and average precision of scores of labelled samples; nothing where one of the labels is lacking.

    weight: how many samples each normal one stands for.
    """
    import numpy as np
    from sklearn.metrics import average_precision_score, roc_auc_score

    if not marked.any() or marked.all():
        return {}
    weights = np.where(marked, 1.0, weight)
    return {
        "auroc": float(roc_auc_score(marked, scores)),
        "average_precision": float(average_precision_score(marked, scores, sample_weight=weights)),
    }


def print_alerts(facts: "dict[str, object]", table: "pl.DataFrame") -> None:
    """Print how many alerts there are, the first five, and how good the scores are where that is known."""
    print(f"{facts['alerts']:,} alerts in {facts['samples']:,} samples, by {rule_text(facts)}: {facts['out']}")
    if "contamination" in facts:
        print(f"Contamination {facts['contamination']:g}: {worst(facts)}")  # type: ignore[arg-type]
    else:
        print(promise_words(facts).strip())  # type: ignore[arg-type]
    for row in table.head(SHOWN).iter_rows(named=True):
        place = f"line {row['line']}" if "line" in row else f"row {row['row']}"
        name, rare = row.get("item") or place, row.get("rarity") or f"p = {row['p_value']:.2g}"
        print(f"  {name}: score {row['score']:.4g}, {rare}. {row['reasons']}")
    for line in measured_lines(facts):
        print(line)


def measured_lines(facts: "dict[str, object]") -> list[str]:
    """Return a line on how good the scores are; none where that is not known."""
    if "auroc" not in facts:
        return []
    lines = [f"AUROC {facts['auroc']:.4f}, average precision {facts['average_precision']:.4f}"]
    return [*lines, outcome_text(facts["outcome"])] if "outcome" in facts else lines  # type: ignore[arg-type]
