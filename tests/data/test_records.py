"""TFRecord files: images, labels and named features; damage; parts of large files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blocks_of import block, joined, read, vector
from images import encoded, noise
from octavo.data.dataset import open_dataset
from octavo.data.inputs import ModelInput
from octavo.data.preprocessing import preprocessing
from octavo.data.records import STRIDE, count_records
from octavo.errors import DataError
from records import write_records

IMAGE = ModelInput("input", "float32", (None, 8, 8, 3))


def image_records(path: Path, count: int = 5, **settings: bool) -> str:
    return write_records(
        path,
        (
            {"image/encoded": encoded(noise(seed=n)), "image/class/label": [n + 1], "image/height": [8]}
            for n in range(count)
        ),
        **settings,
    )


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["d.tfrecord", "train-00000-of-00001", "artifact"])
def test_images_and_labels_as_slim_writes_them(tmp_path: Path, name: str, compressed: bool) -> None:
    if compressed and name == "artifact":
        name = "d.tfrecord.gz"
    found = read(open_dataset(image_records(tmp_path / name, compressed=compressed)), IMAGE)
    assert [batch.start for batch in found] == [0, 4]
    assert np.array_equal(joined(found, "input"), np.stack([noise(seed=n) for n in range(5)]))
    assert [label for batch in found if batch.labels is not None for label in batch.labels.tolist()] == [1, 2, 3, 4, 5]


def test_a_folder_of_files_is_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for part in (1, 0):
        write_records(tmp_path / f"t-0000{part}-of-00002", [{"ids": [part, n]} for n in range(3)])
    (tmp_path / "README").write_text("no data")
    dataset = open_dataset(str(tmp_path))
    assert dataset.labels is None
    assert joined(read(dataset, vector("ids", 2)), "ids").tolist() == [[p, n] for p in (0, 1) for n in range(3)]


def test_several_inputs_take_the_features_of_their_names(tmp_path: Path) -> None:
    rows = [{"ids": [n, 2, 3, 4], "mask": [1.0, 0.5], "label": [n]} for n in range(6)]
    uri = write_records(tmp_path / "d.tfrecord", rows)
    taken = (vector("ids", 2, 2), vector("mask", None, dtype="float32"))
    found = read(open_dataset(uri), *taken)
    assert found[0].inputs["ids"].shape == (4, 2, 2)
    assert found[0].inputs["ids"].dtype == np.int32
    assert found[1].inputs["mask"].tolist() == [[1.0, 0.5]] * 2
    assert found[1].labels is not None
    assert found[1].labels.tolist() == [4, 5]


def test_features_of_other_names_are_named_by_the_preprocessing(tmp_path: Path) -> None:
    uri = write_records(tmp_path / "d.tfrecord", [{"tokens": [n, 2], "grade": [n], "other": [0.5]} for n in range(3)])
    settings = preprocessing("{preset: none, features: {ids: tokens}, label: grade}")
    (batch,) = read(open_dataset(uri), vector("ids", 2), settings=settings)
    assert batch.inputs["ids"].tolist() == [[0, 2], [1, 2], [2, 2]]
    assert batch.labels is not None
    assert batch.labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("rows", "settings", "why"),
    [
        pytest.param({"a": [1], "b": [2]}, "none", r"no feature 'ids' for the input 'ids' .* it has a, b", id="none"),
        pytest.param({"ids": [1, 2, 3]}, "none", r"has 3 numbers for the input 'ids' \(int32 \[\?, 2\]\)", id="size"),
        pytest.param({"ids": [1.5, 2]}, "none", "are float32; the input 'ids' .* takes whole numbers", id="floats"),
        pytest.param({"ids": b"text"}, "none", "feature 'ids' of record 0 of .* holds bytes; wanted", id="bytes"),
        pytest.param({"ids": [1, 2]}, "{preset: none, label: y}", "has no feature 'y'; it has ids", id="label"),
        pytest.param(
            {"ids": [1, 2], "label": [1.5]}, "none", "label 'label' of record 0 .* is no single int64", id="half"
        ),
    ],
)
def test_examples_that_do_not_fit_say_why(tmp_path: Path, rows: dict[str, Any], settings: str, why: str) -> None:
    uri = write_records(tmp_path / "d.tfrecord", [rows])
    with pytest.raises(DataError, match=why):
        read(open_dataset(uri), vector("ids", 2), settings=preprocessing(settings))


def test_a_broken_image_names_its_record(tmp_path: Path) -> None:
    rows = [{"image/encoded": encoded(noise())}, {"image/encoded": b"\xff\xd8\xff broken"}]
    with pytest.raises(DataError, match=r"the image 'record 1 of .*d\.tfrecord' \(10 bytes\) cannot be decoded"):
        read(open_dataset(write_records(tmp_path / "d.tfrecord", rows)), IMAGE)


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        pytest.param(lambda whole: whole[:-3], "ends within record 2; copy the file again", id="cut in a record"),
        pytest.param(lambda whole: whole + b"123", "no TFRecord file, or a damaged one, at record 3", id="more behind"),
        pytest.param(lambda whole: flipped(whole, 3), "no TFRecord file, or a damaged one, at record 0", id="length"),
        pytest.param(lambda whole: flipped(whole, 15), "record 0 of .* is damaged", id="content"),
        pytest.param(lambda _: b"hello, this is text", "no TFRecord file", id="text"),
        pytest.param(lambda _: b"", "has no records", id="empty"),
    ],
)
def test_damage_is_told_and_placed(tmp_path: Path, damage: Callable[[bytes], bytes], why: str) -> None:
    path = Path(write_records(tmp_path / "d.tfrecord", [{"ids": [n]} for n in range(3)]))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=why):
        read(open_dataset(str(path)), vector("ids", 1))


def test_a_compressed_file_whose_end_is_missing(tmp_path: Path) -> None:
    path = Path(image_records(tmp_path / "d.tfrecord.gz", compressed=True))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be decompressed"):
        open_dataset(str(path))


def test_a_part_of_a_large_file_is_found_by_its_index(tmp_path: Path) -> None:
    uri = write_records(tmp_path / "d.tfrecord", ({"ids": [n]} for n in range(5 * STRIDE + 3)))
    found = count_records(uri)
    assert (len(found), len(found.index)) == (5 * STRIDE + 3, 6)
    dataset = open_dataset(uri)
    path = Path(uri)
    content = path.read_bytes()
    third = found.index[3]
    path.write_bytes(bytes(third) + content[third:])  # what is in front of the part is never read
    assert np.asarray(block(dataset, 3 * STRIDE + 1, 4 * STRIDE).values("ids"))[0] == 3 * STRIDE + 1


def test_going_back_and_forth_gives_the_same_records(tmp_path: Path) -> None:
    uri = write_records(tmp_path / "d.tfrecord", ({"ids": [n]} for n in range(200)))
    reader = count_records(uri).opened()
    for start in (150, 3, 3, 70, 199, 0):
        assert np.asarray(reader.block(start, start + 1).values("ids")).ravel().tolist() == [start]
    reader.close()
