"""The part of a page that shows a detector: scores about the threshold, precision and recall, the baselines beside."""

from html import escape

from diabolo.app.drawing import markup
from diabolo.app.drawing.detection_plots import precision_recall, score_histogram
from diabolo.jobs.detect.ranking import Detection


def detection_part(found: Detection) -> str:
    """Return the HTML of a detection: a warning for each method that does better, two drawings, and the table."""
    drawn = [markup.figure(score_histogram(found), _scores_words(found))]
    if found.own.average_precision is not None:
        words = "Precision against recall; the average precision of each in brackets."
        ring = " The ring is the model’s threshold." if found.threshold is not None else ""
        drawn.append(markup.figure(precision_recall(found), words + ring))
    compared = any(one.auroc is not None or one.shared is not None for one in found.methods[1:])
    beside = _beside(found) if compared else ""
    return f'{markup.warnings(found.warnings)}<div class="two even">\n{"".join(drawn)}</div>\n{beside}'


def _scores_words(found: Detection) -> str:
    words = "The score of 1 sample" if len(found.weights) == 1 else f"Scores of {len(found.weights):,} samples"
    if found.anomalous is not None and found.anomalous.any():
        words += f", {int(found.anomalous.sum()):,} of them anomalies, each kind drawn to the same size"
    return words + ("." if found.threshold is None else "; the line is where alerts begin.")


def _beside(found: Detection) -> str:
    methods, alerts = found.methods, f"{found.raised:,.0f} alerts"
    columns = [
        ("average precision", [_decimals(one.average_precision) for one in methods]),
        ("AUROC", [_decimals(one.auroc) for one in methods]),
        (f"anomalies in {alerts}", ["" if one.caught is None else f"{one.caught:,}" for one in methods]),
        ("shared with the model’s", ["" if one.shared is None else f"{one.shared:.0%}" for one in methods]),
    ]
    shown = [(head, _best(cells)) for head, cells in columns if any(cells)]
    rows = [
        [escape(method.name), *(cells[number] for _, cells in shown)] for number, method in enumerate(found.methods)
    ]
    table = markup.table(
        ["", *(head for head, _ in shown)],
        rows,
        numeric=[False] + [True] * len(shown),
        caption="The model beside its baselines",
        kind="quiet",
    )
    return f'<h3>Beside its baselines</h3>\n{table}<p class="key">{escape(_judged_words(found))}</p>\n'


def _judged_words(found: Detection) -> str:
    parts = [f"All rank the same {len(found.weights):,} samples."]
    heaviest = float(found.weights.max(initial=1))
    if heaviest > 1:
        parts.append(f"A normal one of them counts for {heaviest:.3g}.")
    if found.fitted:
        parts.append(f"The baselines were fitted on {found.fitted}, in standardised columns.")
    if found.left_out:
        parts.append(f"The model's own left out {found.left_out:.3g} of its training rows, said to be anomalies.")
    if found.own.average_precision is None:
        parts.append("Without labels of both kinds nobody can say which is better: the table says how far they agree.")
    return " ".join(parts)


def _decimals(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _best(cells: list[str]) -> list[str]:
    """Return the cells with the highest in bold; percentages are no contest."""
    if not cells[0] or cells[0].endswith("%"):
        return cells
    best = max(cells, key=lambda cell: float(cell.replace(",", "")))
    return [f"<b>{cell}</b>" if cell == best else cell for cell in cells]
