"""The part of a report page that shows one model."""

from html import escape
from math import prod

import numpy as np

from diabolo.app.drawing import markup, pictures, plots
from diabolo.app.drawing.palette import categories
from diabolo.app.output.latent_curve import curve_figure
from diabolo.app.pages import samples
from diabolo.app.pages.detection_section import detection_part
from diabolo.jobs.evaluate.record import Evaluation, Figures

_DIGITS = (("bce", 4), ("mse", 5), ("psnr", 2))


def section(evaluation: Evaluation, *, anchor: str, source: bool) -> str:
    """Return the HTML section of one model: what it reached, what it makes of samples, how it is built.

    source: whether it says which samples it was measured on.
    """
    lead = f'<p class="lead">{escape(evaluation.data)}, {escape(evaluation.split)}</p>\n' if source else ""
    parts = [
        f'<section id="{escape(anchor)}" aria-labelledby="{escape(anchor)}-name">\n',
        f'<h2 id="{escape(anchor)}-name">{escape(evaluation.name)}</h2>\n',
        lead,
        markup.warnings(evaluation.warnings),
        _tiles(evaluation),
        "<h3>Reconstructions</h3>\n",
        samples.pairs(evaluation.originals, evaluation.reconstructions, columns=evaluation.columns),
        _generation(evaluation),
        _detection(evaluation),
        f'<div class="two even">\n{_training(evaluation)}{_latent(evaluation)}</div>\n',
        curve_figure(evaluation.choice) if evaluation.choice else "",
        _rest(evaluation),
        "</section>\n",
    ]
    return "".join(parts)


def unit(evaluation: Evaluation) -> str:
    """Return what a dimension of a sample is called: a pixel, or for tables a value."""
    shape = evaluation.originals.shape
    return "value" if len(shape) < 3 or (len(shape) == 4 and shape[3] > 1) else "pixel"


def _tiles(evaluation: Evaluation) -> str:
    size, model = prod(evaluation.originals.shape[1:]), evaluation.model
    baseline = evaluation.baselines[0] if evaluation.baselines else None
    measure, quality, beside = _quality(model, baseline)
    tiles = [
        (
            "Latent",
            f"{model.latent:,}",
            f"{_many('number', model.latent)} for {size:,} {_many(unit(evaluation), size)}",
        ),
        ("Compression", f"{markup.decimals(evaluation.compression, 1)}×", "fewer numbers"),
        (f"{measure} per {unit(evaluation)}", quality, beside),
    ]
    if model.psnr is not None:
        beside = "" if baseline is None else f"{baseline.name}: {markup.decimals(baseline.psnr, 1)} dB"
        tiles.append(("PSNR", f"{markup.decimals(model.psnr, 1)} dB", beside))
    tiles.append(("Parameters", f"{model.parameters:,}", f"trained in {markup.duration(evaluation.seconds)}"))
    return markup.tiles(tiles)


def _quality(model: Figures, baseline: Figures | None) -> tuple[str, str, str]:
    """Return the measure, the model's value and the baseline's in words: BCE where there is one, else MSE."""
    name, mine = ("MSE", model.mse) if model.bce is None else ("BCE", model.bce)
    if baseline is None:
        return name, markup.decimals(mine, 4), ""
    other = baseline.mse if model.bce is None else baseline.bce
    return name, markup.decimals(mine, 4), f"{baseline.name}: {markup.decimals(other, 4)}"


def _generation(evaluation: Evaluation) -> str:
    """Return what a variational model pays and draws: its bound in two parts, numbers in use, new samples."""
    found = evaluation.generation
    if found is None:
        return ""
    parts = f"−ELBO {markup.decimals(found.distortion + found.rate, 2)} nats per sample: distortion "
    parts += f"{markup.decimals(found.distortion, 2)} + rate {markup.decimals(found.rate, 2)}. "
    parts += f"{found.active:,} of {found.latent:,} numbers of the code vary with the sample."
    if not samples.are_pictures(found.samples):
        return f"<h3>As a generator</h3>\n<p>{parts}</p>\n"
    sheet = pictures.data_uri(pictures.sheet(found.samples, columns=16, gap=1))
    image = (
        f'<img src="{sheet}" alt="{len(found.samples)} new samples" style="max-width:100%;image-rendering:pixelated">'
    )
    return f"<h3>New samples</h3>\n{markup.figure(image, parts)}"


def _detection(evaluation: Evaluation) -> str:
    return "" if evaluation.detection is None else f"<h3>As a detector</h3>\n{detection_part(evaluation.detection)}"


def _training(evaluation: Evaluation) -> str:
    if not evaluation.history:
        return markup.figure('<p class="empty">No epochs were recorded.</p>', "Loss per epoch.")
    count, best = len(evaluation.history), plots.best_record(evaluation.history)
    words = f"Loss over {count:,} {_many('epoch', count)}, {markup.duration(evaluation.history[-1].seconds)}"
    words += "." if best is None else f"; the ring marks the best, epoch {best.epoch:,}."
    return markup.figure(plots.loss_curves(evaluation.history), words)


def _latent(evaluation: Evaluation) -> str:
    latent = int(evaluation.codes.reshape(len(evaluation.codes), -1).shape[1]) if len(evaluation.codes) else 0
    how = {1: "Codes, one number each.", 2: "Codes, as they are."}.get(
        latent, f"Codes of {latent:,} numbers, by their first two principal components."
    )
    groups = None if evaluation.labels is None else categories(evaluation.labels)
    legend = ""
    if groups is not None:
        legend = "".join(
            f'<li><span class="dot {"up" if entry.marker == "^" else ""}" style="background:{entry.colour}"></span>'
            f"{escape(entry.name)}</li>"
            for entry in groups.entries
        )
        legend = f'<ul class="legend" aria-label="Labels">{legend}</ul>'
    return markup.figure(plots.latent_plane(evaluation.codes, evaluation.labels) + legend, how)


def _rest(evaluation: Evaluation) -> str:
    """Return the worst samples and the tables, in pairs; rows of a table need the whole width."""
    worst, spread = _worst(evaluation), _distortions(evaluation)
    figures, layers = _figures(evaluation), _layers(evaluation)
    if samples.are_pictures(evaluation.worst):
        return f'<div class="two">\n{worst}{spread}</div>\n<div class="two">\n{figures}{layers}</div>\n'
    return f'{worst}<div class="two">\n{spread}{figures}</div>\n{layers}'


def _worst(evaluation: Evaluation) -> str:
    notes = [f"{markup.decimals(float(value), 1)} nats" for value in evaluation.worst_distortions]
    shown = samples.pairs(
        evaluation.worst,
        evaluation.worst_reconstructions,
        columns=evaluation.columns,
        notes=notes,
        scale=evaluation.originals,
        most=10,
    )
    return _titled("Worst reconstructions", shown)


def _distortions(evaluation: Evaluation) -> str:
    values = np.asarray(evaluation.distortions, dtype=np.float64).reshape(-1)
    values = values[np.isfinite(values)]
    if not len(values):
        return markup.figure('<p class="empty">No finite distortion.</p>', "Distortion per sample.", kind="low")
    middle, high = (markup.decimals(float(np.quantile(values, share)), 1) for share in (0.5, 0.99))
    words = f"half of the samples below {middle} nats, 99 of 100 below {high}"
    drawn = plots.histogram(values, xlabel="distortion, nats per sample", alt=f"Distortions: {words}")
    return markup.figure(drawn, f"Distortion of {len(values):,} samples: {words}.", kind="low")


def _figures(evaluation: Evaluation) -> str:
    lines = (evaluation.model, *evaluation.baselines)
    shown = [(name, digits) for name, digits in _DIGITS if any(getattr(line, name) is not None for line in lines)]
    rows = [
        [
            escape(line.name),
            *(f"{count:,}" if count else "–" for count in (line.latent, line.parameters)),
        ]
        + [markup.decimals(getattr(line, name), digits) for name, digits in shown]
        for line in lines
    ]
    head = ["", "latent", "parameters", *(f"{name.upper()}{', dB' if name == 'psnr' else ''}" for name, _ in shown)]
    numeric = [False] + [True] * (len(head) - 1)
    return _titled("Beside its baselines", markup.table(head, rows, numeric=numeric, caption="Figures", kind="quiet"))


def _layers(evaluation: Evaluation) -> str:
    rows = [[escape(cell) for cell in layer] for layer in evaluation.layers]
    head, numeric = ["part", "layer", "output shape", "parameters"], [False, False, False, True]
    return _titled("Layers", markup.table(head, rows, numeric=numeric, caption="Layers", kind="quiet"))


def _many(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _titled(title: str, content: str) -> str:
    return f"<div><h3>{title}</h3>\n{content}</div>\n"
