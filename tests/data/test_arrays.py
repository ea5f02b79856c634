from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blocks_of import block, images
from images import write_arrays
from octavo.data.dataset import Dataset, open_dataset
from octavo.errors import DataError
from octavo.graph.tensors import Array

X = np.arange(5 * 4 * 3 * 3, dtype=np.uint8).reshape(5, 4, 3, 3)


def rows(dataset: Dataset, start: int, stop: int) -> Array:
    return np.asarray(block(dataset, start, stop).values("x"))


def test_rows_come_as_they_are_stored(tmp_path: Path) -> None:
    dataset = open_dataset(write_arrays(tmp_path / "d.npz", x=X, y=np.array([4, 0, 1, 2, 3], np.uint8)))
    assert len(dataset) == 5
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [4, 0, 1, 2, 3]
    assert dataset.labels.dtype == np.int64
    assert np.array_equal(rows(dataset, 0, 5), X)


def test_a_part_from_the_middle(tmp_path: Path) -> None:
    assert np.array_equal(rows(open_dataset(write_arrays(tmp_path / "d.npz", x=X)), 2, 4), X[2:4])


def test_an_archive_that_is_not_compressed(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=X)
    assert np.array_equal(rows(open_dataset(str(tmp_path / "d.npz")), 1, 5), X[1:])


def test_grey_images_may_leave_the_channel_out(tmp_path: Path) -> None:
    dataset = open_dataset(write_arrays(tmp_path / "d.npz", x=X[..., 0]))
    assert np.array_equal(np.stack(images(dataset, channels=1)), X[..., :1])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, ">u2"])
def test_other_numbers_become_float32(tmp_path: Path, dtype: str) -> None:
    found = np.stack(images(open_dataset(write_arrays(tmp_path / "d.npz", x=X.astype(dtype)))))
    assert found.dtype == np.float32
    assert np.array_equal(found, X)


def test_labels_may_stand_in_a_column_or_be_absent(tmp_path: Path) -> None:
    dataset = open_dataset(write_arrays(tmp_path / "column.npz", x=X, y=np.arange(5)[:, None]))
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 1, 2, 3, 4]
    assert open_dataset(write_arrays(tmp_path / "none.npz", x=X)).labels is None


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        pytest.param({"images": X, "other": X[:2]}, "no x, and its arrays differ", id="no x"),
        pytest.param({"x": X[:0]}, "x has no examples", id="no images"),
        pytest.param({"x": X.ravel()}, r"x has the shape \[180\]", id="flat"),
        pytest.param({"x": X.astype(str)}, "x holds <U", id="text"),
        pytest.param({"x": np.asfortranarray(X)}, "column by column", id="Fortran order"),
        pytest.param({"x": X, "y": np.arange(4)}, r"y is int64 \[4\] for 5 examples", id="too few labels"),
        pytest.param({"x": X, "y": np.eye(5)}, r"y is float64 \[5, 5\]", id="one hot"),
    ],
)
def test_arrays_that_are_no_images_say_what_they_are(tmp_path: Path, content: dict[str, Array], wanted: str) -> None:
    with pytest.raises(DataError, match=wanted):
        open_dataset(write_arrays(tmp_path / "d.npz", **content))


def test_a_missing_file_and_a_damaged_one_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        open_dataset(str(tmp_path / "missing.npz"))
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DataError, match="cannot be read as"):
        open_dataset(str(tmp_path / "damaged.npz"))


def test_objects_inside_are_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=X, y=np.array([print] * 5, object), allow_pickle=True)
    with pytest.raises(DataError, match="allow_pickle"):
        open_dataset(str(tmp_path / "d.npz"))


def test_another_number_of_channels_is_refused(tmp_path: Path) -> None:
    dataset = open_dataset(write_arrays(tmp_path / "d.npz", x=X))
    with pytest.raises(DataError, match="have 3 channels; 1 are wanted"):
        images(dataset, channels=1)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_rows_that_end_early_are_a_fault(tmp_path: Path, compression: int) -> None:
    np.savez(tmp_path / "d.npz", x=X)
    with zipfile.ZipFile(tmp_path / "d.npz") as whole:
        content = whole.read("x.npy")
    with zipfile.ZipFile(tmp_path / "short.npz", "w", compression) as short:
        short.writestr("x.npy", content[:-10])
        short.writestr("other.npy", content)
    with pytest.raises(DataError, match="x ends early"):
        open_dataset(str(tmp_path / "short.npz"))


def test_one_array_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", X)
    dataset = open_dataset(str(tmp_path / "d.npy"))
    assert (len(dataset), dataset.labels) == (5, None)
    assert np.array_equal(rows(dataset, 2, 5), X[2:])


def test_one_array_whose_end_is_missing(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", X)
    (tmp_path / "d.npy").write_bytes((tmp_path / "d.npy").read_bytes()[:-1])
    with pytest.raises(DataError, match=r"d\.npy' cannot be read as \.npy: x ends early"):
        open_dataset(str(tmp_path / "d.npy"))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_of_other_name_is_told_by_its_content(tmp_path: Path, save: Callable[..., None]) -> None:
    with (tmp_path / "artifact").open("wb") as file:
        save(file, x=X)
    assert np.array_equal(rows(open_dataset(str(tmp_path / "artifact")), 1, 3), X[1:3])


def test_arrays_without_x_must_be_of_one_length(tmp_path: Path) -> None:
    ids = np.arange(12).reshape(4, 3)
    dataset = open_dataset(write_arrays(tmp_path / "d.npz", ids=ids, mask=ids > 2, y=np.arange(4)))
    assert sorted(block(dataset).features) == ["ids", "mask"]
    with pytest.raises(DataError, match=r"it has no x, and its arrays differ in length \({'ids': 4, 'mask': 2}\)"):
        open_dataset(write_arrays(tmp_path / "other.npz", ids=ids, mask=ids[:2]))
