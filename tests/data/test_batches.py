from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blocks_of import one_image
from images import noise, write_arrays, write_images, write_labels
from octavo.data.batches import Batch, batches
from octavo.data.dataset import Dataset, open_dataset
from octavo.data.preprocessing import PRESETS, Preprocessing
from octavo.errors import DataError, SpecError, StorageError

RAW = PRESETS["raw"]


@pytest.fixture
def ten(tmp_path: Path) -> Dataset:
    x = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    return open_dataset(write_arrays(tmp_path / "ten.npz", x=x, y=np.arange(10)))


def drawn(
    dataset: Dataset,
    preprocessing: Preprocessing = RAW,
    *,
    start: int = 0,
    stop: int | None = None,
    size: tuple[int, int] | None = None,
    channels: int = 1,
) -> list[Batch]:
    stop = len(dataset) if stop is None else stop
    found = batches(dataset, preprocessing, start=start, stop=stop, batch_size=4, inputs=one_image(size, channels))
    return list(found)


def test_batches_hold_images_labels_and_their_place(ten: Dataset) -> None:
    found = drawn(ten)
    assert [(batch.start, len(batch)) for batch in found] == [(0, 4), (4, 4), (8, 2)]
    assert found[1].labels is not None
    assert found[1].labels.tolist() == [4, 5, 6, 7]
    assert found[1].images.dtype == np.float32
    assert found[1].images[:, 0, 0, 0].tolist() == [4, 5, 6, 7]


def test_a_part_of_whole_batches_gives_the_same_batches(ten: Dataset) -> None:
    whole, part = drawn(ten)[1:], drawn(ten, start=4)
    for one, other in zip(whole, part, strict=True):
        assert one.start == other.start
        assert np.array_equal(one.images, other.images)


def test_a_data_set_without_labels_gives_none(tmp_path: Path) -> None:
    (batch,) = drawn(open_dataset(write_arrays(tmp_path / "x.npz", x=np.zeros((1, 2, 2, 1), np.uint8))))
    assert batch.labels is None


def test_files_of_many_sizes_come_in_order_and_in_the_graphs_size(tmp_path: Path) -> None:
    shades = {f"{index:02}.png": np.full((5 + index, 9, 3), index, np.uint8) for index in range(12)}
    write_labels(write_images(tmp_path, shades), {name: index for index, name in enumerate(shades)})
    found = drawn(open_dataset(str(tmp_path)), size=(4, 6), channels=3)
    images = np.concatenate([batch.images for batch in found])
    assert images.shape == (12, 4, 6, 3)
    assert images.mean(axis=(1, 2, 3)).tolist() == list(range(12))


def test_the_preprocessings_size_counts_where_the_graph_takes_any(ten: Dataset) -> None:
    assert drawn(ten, Preprocessing(size=(2, 3)))[0].images.shape == (4, 2, 3, 1)


def test_the_preprocessing_and_the_graph_may_agree_on_a_size(ten: Dataset) -> None:
    assert drawn(ten, Preprocessing(size=(2, 3)), size=(2, 3))[0].images.shape == (4, 2, 3, 1)


def test_two_sizes_are_refused(ten: Dataset) -> None:
    with pytest.raises(SpecError, match="asks for images of 2x3, but the graph takes 4x4"):
        drawn(ten, Preprocessing(size=(2, 3)), size=(4, 4))


def test_no_resizing_keeps_images_of_the_graphs_size(ten: Dataset) -> None:
    assert drawn(ten, Preprocessing(resize="none"), size=(4, 4))[0].images.shape == (4, 4, 4, 1)


def test_no_resizing_refuses_images_of_another_size(ten: Dataset) -> None:
    with pytest.raises(DataError, match="are 4x4 and the preprocessing says resize: none, but the graph takes 5x5"):
        drawn(ten, Preprocessing(resize="none"), size=(5, 5))


def test_images_of_different_sizes_without_a_size_are_refused(tmp_path: Path) -> None:
    write_images(tmp_path, {"a.png": noise(4, 4), "b.png": noise(5, 4)})
    with pytest.raises(DataError, match="they differ in size"):
        drawn(open_dataset(str(tmp_path)), channels=3)


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    write_images(tmp_path, {"a.png": noise(4, 4), "c.png": noise(4, 4)})
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8\xff broken")
    with pytest.raises(DataError, match=r"the image '.*b\.jpg' \(10 bytes\) cannot be decoded"):
        drawn(open_dataset(str(tmp_path)), channels=3)


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    write_labels(write_images(tmp_path, {"a.png": noise()}), {"a.png": 0, "gone.png": 1})
    with pytest.raises(StorageError, match=r"gone\.png"):
        drawn(open_dataset(str(tmp_path)), channels=3)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"mean": (1.0, 2.0, 3.0)}, "3 values for mean, but the graph's input has 1 channels"),
        ({"std": (1.0, 2.0)}, "2 values for std"),
        ({"channels": "BGR"}, "says BGR"),
    ],
)
def test_a_preprocessing_for_other_channels_is_refused(ten: Dataset, fields: dict[str, object], wanted: str) -> None:
    with pytest.raises(SpecError, match=wanted):
        drawn(ten, Preprocessing.model_validate(fields))
