"""The report: one HTML page that holds everything it shows and asks nothing of a network."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

from diabolo.app.drawing import markup
from diabolo.app.pages.section import section, unit
from diabolo.errors import InputError
from diabolo.jobs.evaluate.record import Evaluation, Figures


def report_page(evaluations: Sequence[Evaluation], *, title: str, notes: Sequence[str] = ()) -> str:
    """Return one self-contained HTML page that compares models and shows each of them.

    evaluations: one or more, in the order of the page. title, notes: plain text; everything is escaped.
    The same input gives the same page. Raises InputError if there is no evaluation.

    >>> page = report_page([evaluation], title="Digits")  # doctest: +SKIP
    """
    if not evaluations:
        raise InputError("evaluations must hold at least one Evaluation, got none; evaluate a model first.")
    anchors = [f"model-{number}" for number in range(1, len(evaluations) + 1)]
    template = Template(files("diabolo.app.pages").joinpath("report.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(title),
        subtitle=escape(_subtitle(evaluations)),
        notes="".join(f"<p>{escape(note)}</p>\n" for note in notes),
        links=_links(evaluations, anchors),
        summary=_summary(evaluations, anchors),
        warnings="".join(markup.warnings(e.warnings, subject=e.name) for e in evaluations) if len(anchors) > 1 else "",
        sections="".join(
            section(evaluation, anchor=anchor, source=len(_sources(evaluations)) > 1)
            for evaluation, anchor in zip(evaluations, anchors, strict=True)
        ),
    )


def _subtitle(evaluations: Sequence[Evaluation]) -> str:
    """Return what the figures were measured on, where that is the same for all."""
    sources = _sources(evaluations)
    return sources.pop() if len(sources) == 1 else f"{len(evaluations)} models on {len(sources)} sets of samples"


def _sources(evaluations: Sequence[Evaluation]) -> set[str]:
    return {f"{evaluation.data}, {evaluation.split}" for evaluation in evaluations}


def _links(evaluations: Sequence[Evaluation], anchors: Sequence[str]) -> str:
    named = zip(anchors, evaluations, strict=True)
    return "".join(f'<li><a href="#{anchor}">{escape(evaluation.name)}</a></li>' for anchor, evaluation in named)


def _summary(evaluations: Sequence[Evaluation], anchors: Sequence[str]) -> str:
    measures = [name for name in ("bce", "mse", "psnr") if _is_shown(name, evaluations)]
    units = {unit(evaluation) for evaluation in evaluations}
    per = units.pop() if len(units) == 1 else "value"
    titles = {"bce": f"BCE per {per}", "mse": f"MSE per {per}", "psnr": "PSNR, dB"}
    found = [(_pca(evaluation), evaluation.model) for evaluation in evaluations]
    pcas = [(pca, model) for pca, model in found if pca is not None]
    both = [title for name in measures for title in (titles[name], *[f"PCA’s {name.upper()}"] * bool(pcas))]
    head = ["model", "latent", "compression", *both, "parameters", "seconds"]
    rows = [_row(e, anchor, measures, beside=bool(pcas)) for e, anchor in zip(evaluations, anchors, strict=True)]
    same = " of the same latent size" * all(pca.latent == model.latent for pca, model in pcas)
    caption = f"Beside PCA{same}" if pcas else "What was reached"
    numeric = [False] + [True] * (len(head) - 1)
    return markup.table(head, rows, numeric=numeric, caption=caption, kind="all")


def _is_shown(name: str, evaluations: Sequence[Evaluation]) -> bool:
    """Return whether a measure has a column: MSE only stands in where a model has no BCE."""
    if name == "mse":
        return any(evaluation.model.bce is None for evaluation in evaluations)
    return any(getattr(evaluation.model, name) is not None for evaluation in evaluations)


def _pca(evaluation: Evaluation) -> Figures | None:
    return next((baseline for baseline in evaluation.baselines if baseline.name == "PCA"), None)


def _row(evaluation: Evaluation, anchor: str, measures: Sequence[str], *, beside: bool) -> list[str]:
    """Return the cells of a model; beside: whether each measure is followed by PCA's."""
    model, baseline = evaluation.model, _pca(evaluation)
    sign = ' <span class="sign">Warning</span>' if evaluation.warnings else ""
    name = f'<a href="#{anchor}">{escape(evaluation.name)}</a>{sign}'
    compression = f"{markup.decimals(evaluation.compression, 1)}×"
    figures = [cell for measure in measures for cell in _beside(model, baseline, measure)[: 1 + beside]]
    seconds = markup.decimals(evaluation.seconds, 1)
    return [name, f"{model.latent:,}", compression, *figures, f"{model.parameters:,}", seconds]


def _beside(model: Figures, baseline: Figures | None, measure: str) -> tuple[str, str]:
    """Return the model's and the baseline's figure, the better one in bold (more is better for PSNR only)."""
    digits = 1 if measure == "psnr" else 4
    mine = getattr(model, measure)
    theirs = None if baseline is None else getattr(baseline, measure)
    words = [markup.decimals(value, digits) for value in (mine, theirs)]
    if mine is not None and theirs is not None and mine != theirs:
        better = int((theirs < mine) != (measure == "psnr"))
        words[better] = f"<b>{words[better]}</b>"
    return words[0], words[1]
