from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blocks_of import file_names as names
from blocks_of import images as drawn
from blocks_of import one_image
from images import encoded, noise, write_images, write_labels
from octavo.data.batches import batches
from octavo.data.dataset import open_dataset
from octavo.data.preprocessing import PRESETS
from octavo.errors import DataError


def test_a_table_gives_labels_and_order(tmp_path: Path) -> None:
    images = {name: noise(seed=seed) for seed, name in enumerate(("a.png", "b.png", "c.png"))}
    write_labels(write_images(tmp_path, images), {"c.png": 7, "a.png": 0})
    dataset = open_dataset(str(tmp_path))
    assert len(dataset) == 2
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [7, 0]
    assert dataset.labels.dtype == np.int64
    first, second = drawn(dataset)
    assert np.array_equal(first, images["c.png"])
    assert np.array_equal(second, images["a.png"])


def test_a_table_may_have_more_columns_a_byte_order_mark_and_sub_folders(tmp_path: Path) -> None:
    write_images(tmp_path, {"x/a.png": noise()})
    (tmp_path / "labels.csv").write_text("﻿synset,label,filename\nn01,3,x/a.png\n", encoding="utf-8")
    dataset = open_dataset(f"file://{tmp_path}")
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [3]
    assert drawn(dataset)[0].shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        pytest.param("filename,label\n", "there are no images", id="no rows"),
        pytest.param("", "no column filename or label", id="empty"),
        pytest.param("name,label\na.png,1\n", "no column filename", id="other column"),
        pytest.param("filename,label\na.png,cat\n", "line 2 .* has the label 'cat'", id="name for a label"),
        pytest.param("filename,label\na.png,-1\n", "the label '-1'", id="negative"),
        pytest.param("filename,label\na.png\n", "line 2 .* has no label", id="short row"),
        pytest.param("filename,label\n,3\n", "line 2 .* has no filename", id="no name"),
    ],
)
def test_a_table_that_cannot_be_used_says_where(tmp_path: Path, table: str, wanted: str) -> None:
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(DataError, match=wanted):
        open_dataset(str(tmp_path))


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b"filename,label\n\xff\xfe,1\n")
    with pytest.raises(DataError, match="no UTF-8"):
        open_dataset(str(tmp_path))


def test_class_folders_are_numbered_in_the_order_of_their_names(tmp_path: Path) -> None:
    write_images(tmp_path, {"dog/1.png": noise(), "cat/deep/2.jpg": noise(), "cat/1.JPG": noise()})
    dataset = open_dataset(str(tmp_path))
    assert names(dataset) == ["1.JPG", "2.jpg", "1.png"]
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 0, 1]


def test_class_folders_that_are_numbers_say_the_class(tmp_path: Path) -> None:
    write_images(tmp_path, {"10/a.png": noise(), "9/a.png": noise()})
    dataset = open_dataset(str(tmp_path))
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [10, 9]


def test_a_flat_folder_has_no_labels_and_other_files_do_not_count(tmp_path: Path) -> None:
    write_images(tmp_path, {"b.png": noise(), "a.png": noise(), ".hidden/c.png": noise()})
    (tmp_path / "README.md").write_text("none")
    dataset = open_dataset(str(tmp_path))
    assert names(dataset) == ["a.png", "b.png"]
    assert dataset.labels is None


def test_class_folders_and_images_beside_them_are_refused(tmp_path: Path) -> None:
    write_images(tmp_path, {"cat/a.png": noise(), "stray.png": noise()})
    with pytest.raises(DataError, match=r"class folders such as 'cat' and images outside of them such as 'stray.png'"):
        open_dataset(str(tmp_path))


@pytest.mark.parametrize("name", ["nothing", "missing"])
def test_a_folder_without_images_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DataError, match=f"there are no images in '.*{name}'"):
        open_dataset(str(tmp_path / name))


def test_only_the_wanted_part_is_read(tmp_path: Path) -> None:
    write_images(tmp_path, {"a.png": noise(seed=1), "c.png": noise(seed=3)})
    (tmp_path / "b.png").write_bytes(b"broken")
    dataset = open_dataset(str(tmp_path))
    assert np.array_equal(drawn(dataset, 2, 3)[0], noise(seed=3))


@pytest.mark.parametrize(
    ("stored", "channels"), [pytest.param(1, 3, id="grey as colour"), pytest.param(3, 1, id="colour as grey")]
)
@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_files_give_the_channels_that_are_wanted(tmp_path: Path, ending: str, stored: int, channels: int) -> None:
    write_images(tmp_path, {f"a{ending}": noise(channels=stored)})
    assert drawn(open_dataset(str(tmp_path)), channels=channels)[0].shape == (8, 8, channels)


def test_two_channels_cannot_be_had_from_files(tmp_path: Path) -> None:
    dataset = open_dataset(str(write_images(tmp_path, {"a.png": noise()})))
    with pytest.raises(DataError, match="images of 2 channels are wanted"):
        drawn(dataset, channels=2)


def test_the_first_broken_image_is_the_one_that_is_told(tmp_path: Path) -> None:
    write_images(tmp_path, {f"{index:02}.png": noise() for index in range(20)})
    for broken in ("05.png", "06.png", "12.png"):
        (tmp_path / broken).write_bytes(encoded(noise())[:60])
    found = batches(open_dataset(str(tmp_path)), PRESETS["raw"], start=0, stop=20, batch_size=1, inputs=one_image(None))
    assert [next(found).start for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(DataError, match=r"the image '.*05\.png' .* cannot be decoded"):
        next(found)
