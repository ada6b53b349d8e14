"""Labels beside samples: classes, rows that carry them, and tables that bring them."""

from pathlib import Path

import numpy as np
import pytest

from diabolo.data.attributes import labels_of, numbers_of, read_attributes
from diabolo.data.opening import open_data
from diabolo.data.preprocessing import fit_preprocessing
from diabolo.data.source import ArraySource, Dataset
from diabolo.errors import ArgumentError, FormatError, InputError
from diabolo.training.labelled import as_classes, labelled, one_hot


@pytest.mark.parametrize(
    "samples",
    [
        np.arange(24, dtype=np.uint8).reshape(6, 2, 2),
        np.arange(24, dtype=np.uint16).reshape(6, 2, 2),
        np.linspace(0, 1, 24).reshape(6, 4),
        np.random.default_rng(0).normal(5, 3, (6, 4)),
        np.random.default_rng(0).normal(5, 3, (6, 2, 2)).astype(np.float32),
        np.arange(24).reshape(6, 4) * 7,
        np.arange(24).reshape(6, 4) % 3 == 0,
    ],
)
def test_a_row_is_the_prepared_sample_and_a_1_at_its_class(samples: np.ndarray) -> None:
    source, rows = ArraySource(samples), np.arange(6)
    preprocessing = fit_preprocessing(source, rows)
    labels = as_classes(np.array(list("abcabc")), 6)
    both, prepared = labelled(source, labels, preprocessing)
    found = prepared.prepare(both.take(rows[::-1]))
    assert both.shape == (7,)
    np.testing.assert_allclose(found[:, :4], preprocessing.prepare(samples[::-1]).reshape(6, 4), atol=1e-6)
    np.testing.assert_allclose(found[:, 4:], np.eye(3)[[2, 1, 0, 2, 1, 0]], atol=1e-6)


@pytest.mark.parametrize(
    "labels",
    [np.zeros(6), np.zeros(5), np.linspace(0, 1, 6), np.array(["a", None] * 3, object), np.zeros((6, 2))],
)
def test_what_are_no_labels_is_refused(labels: np.ndarray) -> None:
    with pytest.raises(InputError):
        as_classes(labels, 6)


def test_classes_keep_their_names_in_order() -> None:
    found = as_classes(np.array([3.0, 1.0, 3.0]), 3)
    assert found.names == ("1", "3")
    assert found.index.tolist() == [1, 0, 1]
    assert one_hot(found.names, "3", 2).tolist() == [[0, 1], [0, 1]]


def test_a_tables_rows_are_found_by_the_names_of_files(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("age,file\n3,b.png\n9,x.png\n1,a.png\n")
    data = Dataset("d", ArraySource(np.zeros((2, 2, 2), np.uint8)), items=("sub/a.png", "b.png"))
    assert read_attributes(table, data)["age"].tolist() == [1, 3]
    assert labels_of(data, f"{table}:age").tolist() == [1, 3]
    table.write_text("age,file\n3,b.png\n")
    with pytest.raises(FormatError, match="no row for 1 of 2"):
        read_attributes(table, data)
    with pytest.raises(ArgumentError, match="no labels of its own"):
        labels_of(data, "labels")


def test_rows_are_taken_in_order_where_there_are_no_names(tmp_path: Path) -> None:
    data = open_data("digits")
    table = tmp_path / "t.csv"
    table.write_text("a,b\n1,2\n")
    with pytest.raises(FormatError, match="1 rows, and digits 1,438 samples"):
        read_attributes(table, data)
    table.write_text("a,b\n" + "1,2\n" * 1438)
    with pytest.raises(ArgumentError, match="several columns"):
        labels_of(data, str(table))
    assert labels_of(data, "labels") is data.labels


def test_groups_give_one_number_each_and_measures_one() -> None:
    found = numbers_of(
        {
            "group": np.array([0, 1, 2, 1]),
            "binary": np.array([0, 1, 1, 0]),
            "measure": np.array([0.5, np.nan, 1.5, 1.0]),
            "name": np.array(["x", "y", "x", None], object),
            "same": np.ones(4),
        }
    )
    assert list(found) == ["group=0", "group=1", "group=2", "binary", "measure", "name=x", "name=y"]
    assert found["group=1"].tolist() == [0, 1, 0, 1]
    assert found["measure"].tolist() == [0.5, 1.0, 1.5, 1.0]
    with pytest.raises(InputError, match="tells the samples apart"):
        numbers_of({"same": np.ones(4)})
