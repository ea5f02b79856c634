from __future__ import annotations

import gc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from images import write_arrays
from octavo.data import arrays
from octavo.data.arrays import ArrayDataset
from octavo.data.dataset import open_dataset
from octavo.errors import DataError
from octavo.graph.tensors import Array

X = np.arange(5 * 4 * 3 * 3, dtype=np.uint8).reshape(5, 4, 3, 3)


def opened(uri: str) -> ArrayDataset:
    dataset = open_dataset(uri)
    assert isinstance(dataset, ArrayDataset)
    return dataset


def rows(dataset: ArrayDataset, start: int, stop: int) -> Array:
    source = dataset.source(start, stop, dataset.images.shape[3])
    return np.stack(list(source.elements().as_numpy_iterator()))


def test_rows_come_as_they_are_stored(tmp_path: Path) -> None:
    dataset = opened(write_arrays(tmp_path / "d.npz", x=X, y=np.array([4, 0, 1, 2, 3], np.uint8)))
    assert len(dataset) == 5
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [4, 0, 1, 2, 3]
    assert dataset.labels.dtype == np.int64
    assert np.array_equal(rows(dataset, 0, 5), X)


def test_a_part_from_the_middle(tmp_path: Path) -> None:
    assert np.array_equal(rows(opened(write_arrays(tmp_path / "d.npz", x=X)), 2, 4), X[2:4])


def test_an_archive_that_is_not_compressed(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=X)
    assert np.array_equal(rows(opened(str(tmp_path / "d.npz")), 1, 5), X[1:])


def test_grey_images_may_leave_the_channel_out(tmp_path: Path) -> None:
    dataset = opened(write_arrays(tmp_path / "d.npz", x=X[..., 0]))
    assert np.array_equal(rows(dataset, 0, 5), X[..., :1])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, ">u2"])
def test_other_numbers_become_float32(tmp_path: Path, dtype: str) -> None:
    found = rows(opened(write_arrays(tmp_path / "d.npz", x=X.astype(dtype))), 0, 5)
    assert found.dtype == np.float32
    assert np.array_equal(found, X)


def test_labels_may_stand_in_a_column_or_be_absent(tmp_path: Path) -> None:
    dataset = opened(write_arrays(tmp_path / "column.npz", x=X, y=np.arange(5)[:, None]))
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 1, 2, 3, 4]
    assert opened(write_arrays(tmp_path / "none.npz", x=X)).labels is None


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        pytest.param({"images": X}, "it has no x", id="no x"),
        pytest.param({"x": X[:0]}, "x has no images", id="no images"),
        pytest.param({"x": X.reshape(5, -1)}, r"x has the shape \[5, 36\]", id="flat"),
        pytest.param({"x": X.astype(str)}, "x holds <U", id="text"),
        pytest.param({"x": np.asfortranarray(X)}, "column by column", id="Fortran order"),
        pytest.param({"x": X, "y": np.arange(4)}, r"y is int64 \[4\] for 5 images", id="too few labels"),
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
        dataset.source(0, 1, 1)


def test_rows_that_end_early_are_a_fault(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=X)
    with zipfile.ZipFile(tmp_path / "d.npz") as whole:
        content = whole.read("x.npy")
    with zipfile.ZipFile(tmp_path / "short.npz", "w") as short:
        short.writestr("x.npy", content[:-10])
    source = opened(str(tmp_path / "short.npz")).source(0, 5, 3)
    with pytest.raises(Exception, match="ends early"):
        list(source.elements().as_numpy_iterator())
    assert isinstance(source.fault(), DataError)


def test_a_copy_of_a_remote_file_lives_as_long_as_its_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path(write_arrays(tmp_path / "d.npz", x=X)).read_bytes()
    monkeypatch.setattr(arrays, "download", lambda uri, path: path.write_bytes(whole) and uri)
    dataset = opened("s3://bucket/d.npz")
    copy = dataset.images.path
    assert np.array_equal(rows(dataset, 3, 5), X[3:])
    assert copy.exists()
    del dataset
    gc.collect()
    assert not copy.parent.exists()


def test_a_remote_file_that_is_no_data_set_leaves_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(arrays, "download", lambda uri, path: path.write_bytes(b"no") and uri)
    with pytest.raises(DataError, match=r"'s3://bucket/d\.npz' cannot be read as"):
        open_dataset("s3://bucket/d.npz")
    assert not list(tmp_path.iterdir())
