"""The commands `encode` and `decode`."""

from typing import Annotated

import typer

from diabolo.app.common import Data, Device, Force, Label, Model, Out, say


def encode(
    data: Data, model: Model, out: Out, label: Label = None, device: Device = "auto", force: Force = False
) -> None:
    """Write the codes of DATA (of its training part, where it has two): .npy, .csv or .parquet, one row a sample."""
    from diabolo.app.model_data import as_samples, open_for
    from diabolo.data.writing import check_destination, write_samples
    from diabolo.estimator import load

    estimator = load(model, device=device)
    check_destination(out, (estimator.trained_.model.config.latent,), pictures=False, force=force)
    opened = as_samples(open_for(estimator.trained_, data, label), estimator.trained_)
    say(*opened.notes)
    codes = estimator.encode(opened.train)
    write_samples(out, codes, force=force)
    print(f"{len(codes):,} codes of {codes.shape[1]} numbers: {out}")


def decode(
    codes: Annotated[str, typer.Argument(metavar="CODES", help=".npy, .csv or .parquet, one row a code.")],
    model: Model,
    out: Out,
    device: Device = "auto",
    force: Force = False,
) -> None:
    """Write the samples that CODES stand for: .npy, .csv, .parquet, or a folder of images."""
    import numpy as np

    from diabolo.data.opening import open_data
    from diabolo.data.writing import are_pictures, check_destination, write_samples
    from diabolo.estimator import load

    estimator = load(model, device=device)
    trained = estimator.trained_
    shape, prepared = trained.model.config.shape, trained.preprocessing
    pictures = are_pictures(shape, prepared.dtype, unit=prepared.unit)
    check_destination(out, shape, pictures=pictures, force=force)
    source = open_data(codes).train
    samples = estimator.decode(source.take(np.arange(len(source))))
    write_samples(out, samples, columns=trained.about.get("columns"), force=force)
    print(f"{len(samples):,} samples: {out}")
