"""The columns of a model: the encoding of its table that it keeps, and what belongs to one column. NumPy alone."""

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Source
from diabolo.data.tables.encoding import Encoding, encoding_from_json, plain_encoding
from diabolo.errors import FormatError, InputError
from diabolo.training.files.contents import Known

JOB = "table"


def check_shape(trained: Known, source: Source) -> None:
    """Raise InputError if samples have another shape than in training."""
    shape = trained.config.shape
    if source.shape != shape:
        raise InputError(f"Samples must have the shape {shape} of the training data, got {source.shape}.")


def encoding_of(trained: Known) -> Encoding | None:
    """Return the encoding of the table that a model was trained on; None where it was all numbers, or no table.

    Raises FormatError if the model file has one of no use.
    """
    if JOB not in trained.extras:
        return None
    encoding = encoding_from_json(trained.extras[JOB].plain.get("columns"))
    if (len(encoding.owners),) != trained.config.shape:
        raise FormatError("The model's encoding of its table does not fit its configuration; train it anew.")
    return encoding


def encoding_of_numbers(trained: Known) -> Encoding:
    """Return the encoding of a model of plain numbers, or of windows of them: gaps are evidence, and text is named."""
    names, shape = trained.about.get("columns"), trained.config.shape
    if trained.preprocessing.unit:
        raise InputError("The model was trained on numbers from 0 to 1, none missing; fill the gaps of these rows.")
    if not names or len(shape) != 1 or shape[0] % len(names):
        raise InputError("The model was trained on plain numbers, and these rows are not; mend or fill them.")
    first = (
        np.broadcast_to(part, shape)[: len(names)]
        for part in (trained.preprocessing.offset, trained.preprocessing.scale)
    )
    return plain_encoding(names, *first)


def weights_of(trained: Known) -> NDArray[np.float32] | None:
    """Return by how much each number counts in the detector's distances; None: all alike."""
    encoding = encoding_of(trained)
    return None if encoding is None else encoding.weights.astype(np.float32)


def by_column(trained: Known, parts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what each column of the table adds, (n, columns), from what each number does."""
    encoding = encoding_of(trained)
    return parts if encoding is None else encoding.by_column(parts)
