"""What a rule does on labelled samples: how many anomalies it catches and misses, false alarms, and what that costs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Marks = NDArray[np.bool_]


@dataclass(frozen=True)
class Costs:
    """What an anomaly that is missed costs, and a false alarm."""

    miss: float
    alarm: float


def outcome(marked: "Marks", raised: "Marks", costs: Costs | None = None, weight: float = 1.0) -> dict[str, Any]:
    """Return counts of caught and missed anomalies and false alarms, 95 % intervals of their rates, and the cost.

    marked, raised: (n,), the anomalies and the alerts. weight: how many samples each normal one stands for. The
    intervals are exact (Clopper and Pearson 1934); the cost's are those of the two rates, taken together.
    """
    caught, false = int((marked & raised).sum()), int((~marked & raised).sum())
    anomalies, normal = int(marked.sum()), int((~marked).sum())
    found: dict[str, Any] = {
        "caught": caught,
        "missed": anomalies - caught,
        "false_alarms": round(false * weight),
        "normal_rows": round(normal * weight),
        "caught_rate_interval": _interval(caught, anomalies),
        "false_alarm_rate_interval": _interval(false, normal),
    }
    if costs is not None:
        low, high = found["caught_rate_interval"]
        few, many = (rate * normal * weight * costs.alarm for rate in found["false_alarm_rate_interval"])
        found["cost"] = costs.miss * (anomalies - caught) + costs.alarm * false * weight
        found["cost_interval"] = [costs.miss * anomalies * (1 - high) + few, costs.miss * anomalies * (1 - low) + many]
    return found


def _interval(hits: int, count: int) -> list[float]:
    from scipy.special import betaincinv

    low = float(betaincinv(hits, count - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, count - hits, 0.975)) if hits < count else 1.0
    return [low, high]


def outcome_text(found: dict[str, Any]) -> str:
    """Return the outcome in a sentence or two."""
    anomalies = found["caught"] + found["missed"]
    text = (
        f"Of {anomalies:,} anomalies {found['caught']:,} are caught ({_rates(found['caught_rate_interval'])}) and "
        f"{found['missed']:,} missed; of {found['normal_rows']:,} normal rows {found['false_alarms']:,} raise a false "
        f"alarm ({_rates(found['false_alarm_rate_interval'])}); intervals are 95 %."
    )
    if "cost" in found:
        low, high = found["cost_interval"]
        text += f" Cost: {found['cost']:,.6g} ({low:,.6g} to {high:,.6g})."
    return text


def _rates(interval: list[float]) -> str:
    return f"{100 * interval[0]:.3g} % to {100 * interval[1]:.3g} %"
