"""Whether exported files decide as their models do: real tables, rows that the models have not seen.

    python bench/export_parity.py [--sets 12]

Of each set of DIABOLO_DATA/adbench half of the normal rows are learnt from; all others, anomalies too, are compared:
the model in NumPy, its ONNX file, one row at a time, and the estimator with torch.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np

from diabolo import Autoencoder
from diabolo.deploy.export.onnx_file import DifferentError, answers_of, export_table, model_answers, session_of
from diabolo.deploy.export.tables import feed
from diabolo.deploy.runtime.table import open_model

MOST, ALONE = 2000, 200


def compared(place: Path, name: str, X: np.ndarray, y: np.ndarray) -> str:
    normal = np.flatnonzero(y == 0)
    estimator = Autoencoder("table", epochs=3).fit(X[normal[::2][:4000]].astype(np.float64))
    estimator.save(place / "model.safetensors", force=True)
    unseen = np.setdiff1d(np.arange(len(X)), normal[::2])[:MOST]
    rows = X[unseen].astype(np.float64).tolist()
    model = open_model(place / "model.safetensors")
    try:
        found = export_table(place / "model.safetensors", place / "model.onnx", rows=rows, force=True)
        result = f"{found.largest:.0e}, the same"
    except DifferentError as error:
        return f"| {name} | {X.shape[1]} | NOT WRITTEN: {str(error)[-120:]} |  |  |"
    one = model_answers(model, rows)
    assert answers_of(session_of(str(place / "model.onnx")), feed(model, rows)).alert.tolist() == one.alert.tolist()
    alone = max(
        abs(model.score([row], reasons=False).answers[0].score - score)
        for row, score in zip(rows[:ALONE], one.score, strict=False)
    )
    beside = np.abs(-estimator.score_samples(X[unseen].astype(np.float64)) - one.score)
    differ = int(((estimator.predict(X[unseen].astype(np.float64)) == -1) != one.alert).sum())
    return f"| {name} | {X.shape[1]} | {result} | {alone:.0e} | {beside.max():.0e}, {differ or 'the same'} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=12)
    paths = sorted((Path(os.environ["DIABOLO_DATA"]) / "adbench").glob("*.npz"))[: parser.parse_args().sets]
    print("| set | columns | ONNX: scores differ by; decisions | one row alone | estimator: scores; alerts |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        for path in paths:
            with np.load(path) as data:
                print(compared(Path(place), path.stem, data["X"], data["y"]), flush=True)


if __name__ == "__main__":
    main()
