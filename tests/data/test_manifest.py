"""Manifests and patterns: one data set out of many files."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from blocks_of import block, file_names, joined, read, vector
from images import noise, write_arrays, write_images
from octavo.data.dataset import open_dataset
from octavo.data.inputs import ModelInput
from octavo.data.manifest import write_manifest
from octavo.data.patterns import _expression
from octavo.data.preprocessing import PRESETS
from octavo.errors import DataError
from records import write_records
from time_limit import within

IDS = vector("ids", 1)


def write_lines(path: Path, *lines: dict[str, Any]) -> str:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return str(path)


def test_images_with_labels_relative_to_the_manifest(tmp_path: Path) -> None:
    write_images(tmp_path, {"a.png": noise(seed=1), "deep/b.png": noise(seed=2)})
    uri = write_lines(
        tmp_path / "m.jsonl", {"uri": "deep/b.png", "label": 4}, {"uri": str(tmp_path / "a.png"), "label": 2}
    )
    dataset = open_dataset(uri)
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [4, 2]
    (batch,) = read(dataset, ModelInput("x", "uint8", (None, 8, 8, 3)))
    assert np.array_equal(batch.images, np.stack([noise(seed=2), noise(seed=1)]))


def test_files_of_all_kinds_one_behind_the_other(tmp_path: Path) -> None:
    write_records(tmp_path / "a.tfrecord", [{"ids": [n], "label": [0]} for n in range(3)])
    write_arrays(tmp_path / "b.npz", ids=np.arange(10, 20)[:, None], y=np.ones(10, int))
    (tmp_path / "c").mkdir()
    write_records(tmp_path / "c/0.tfrecord", [{"ids": [n], "label": [2]} for n in range(30, 32)])
    uri = write_lines(
        tmp_path / "m.jsonl", {"uri": "b.npz", "start": 8}, {"uri": "*.tfrecord"}, {"uri": "c", "start": 1, "stop": 2}
    )
    found = read(open_dataset(uri), IDS)
    assert joined(found, "ids").ravel().tolist() == [18, 19, 0, 1, 2, 31]
    assert np.concatenate([batch.labels for batch in found if batch.labels is not None]).tolist() == [1, 1, 0, 0, 0, 2]


def test_images_beside_arrays_of_images(tmp_path: Path) -> None:
    write_images(tmp_path, {"a.png": noise(12, 12, seed=1)})
    write_arrays(tmp_path / "b.npz", x=noise(seed=2)[None], y=[3])
    uri = write_lines(tmp_path / "m.jsonl", {"uri": "b.npz"}, {"uri": "a.png"})
    (batch,) = read(open_dataset(uri), ModelInput("x", "float32", (None, 8, 8, 3)), settings=PRESETS["raw"])
    assert batch.images.shape == (2, 8, 8, 3)
    assert batch.labels is None


@pytest.mark.parametrize("name", [".cache/a.png", "deep/../a.png", "../.hidden/a.png", ".a.png"])
def test_an_image_that_a_line_names_is_taken_wherever_it_lies(name: str, tmp_path: Path) -> None:
    (tmp_path / "base/deep").mkdir(parents=True)
    write_images(tmp_path / "base", {name: noise(seed=1)})
    uri = write_lines(tmp_path / "base/m.jsonl", {"uri": name, "label": 4})
    dataset = open_dataset(uri)
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [4]
    (batch,) = read(dataset, ModelInput("x", "uint8", (None, 8, 8, 3)))
    assert np.array_equal(batch.images, noise(seed=1)[None])


def test_a_plan_of_images_in_a_hidden_folder_can_be_read(tmp_path: Path) -> None:
    folder = write_images(tmp_path / ".cache/photos", {"a.png": noise(), "b.png": noise()})
    write_manifest(open_dataset(str(folder)), tmp_path / "plan", 2)
    assert file_names(open_dataset(str(tmp_path / "plan"))) == ["a.png", "b.png"]


def test_a_pattern_of_images_in_a_line_is_a_pattern(tmp_path: Path) -> None:
    write_images(tmp_path, {"a.png": noise(), "b.png": noise(), "c[1].png": noise()})
    dataset = open_dataset(write_lines(tmp_path / "m.jsonl", {"uri": "[ab].png"}, {"uri": "c[1].png"}))
    assert [Path(uri).name for uri in (line["uri"] for line in dataset.entries(0, 3))] == ["a.png", "b.png", "c[1].png"]
    with pytest.raises(DataError, match=r"gives one label to '.*\*\.png', which is no image file"):
        open_dataset(write_lines(tmp_path / "m.jsonl", {"uri": "*.png", "label": 1}))


def test_a_manifest_that_names_itself_is_told_when_its_path_is_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lines(tmp_path / "m.jsonl", {"uri": "m.jsonl"})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="names the manifest itself"):
        open_dataset("m.jsonl")


@pytest.mark.parametrize("back", ["a.jsonl", "../m/a.jsonl", "a*.jsonl", "link.jsonl"])
def test_manifests_that_name_each_other_are_told_whatever_the_way(tmp_path: Path, back: str) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "a.jsonl").write_text('{"uri": "b.jsonl"}\n')
    (folder / "b.jsonl").write_text(json.dumps({"uri": back}) + "\n")
    (folder / "link.jsonl").symlink_to("a.jsonl")
    wanted = r"^the manifest '.*a\.jsonl' leads back to itself, through '.*/b\.jsonl'; take one of the lines away$"
    with pytest.raises(DataError, match=wanted):
        open_dataset(str(folder / "a.jsonl"))


def test_a_manifest_that_two_lines_name_is_read_twice(tmp_path: Path) -> None:
    write_arrays(tmp_path / "d.npz", x=np.zeros((3, 2, 2, 1), np.uint8))
    (tmp_path / "inner.jsonl").write_text('{"uri": "d.npz"}\n')
    (tmp_path / "outer.jsonl").write_text('{"uri": "inner.jsonl"}\n{"uri": "inner.jsonl"}\n')

    assert len(open_dataset(str(tmp_path / "outer.jsonl"))) == 6


def test_a_manifest_is_told_by_its_content(tmp_path: Path) -> None:
    write_images(tmp_path, {"a.png": noise()})
    assert len(open_dataset(write_lines(tmp_path / "artifact", {"uri": "a.png"}))) == 1


def test_what_a_data_set_writes_down_reads_as_itself(tmp_path: Path) -> None:
    write_records(tmp_path / "a.tfrecord", [{"ids": [n]} for n in range(150)])
    write_arrays(tmp_path / "b.npz", ids=np.arange(150, 160)[:, None])
    dataset = open_dataset(write_lines(tmp_path / "m.jsonl", {"uri": "a.tfrecord", "start": 70}, {"uri": "b.npz"}))
    write_manifest(dataset, tmp_path / "again", 85)
    again = open_dataset(str(tmp_path / "again"))
    assert joined(read(again, IDS), "ids").ravel().tolist() == list(range(70, 155))
    write_manifest(again, tmp_path / "third", 85)
    assert (tmp_path / "third").read_bytes() == (tmp_path / "again").read_bytes()


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        pytest.param(["{}"], r"line 1 .* \(uri: Field required\); wanted a document such as", id="no URI"),
        pytest.param(['{"uri": "a.png"}', "nonsense"], "line 2 of the manifest .* cannot be read", id="no JSON"),
        pytest.param(['{"uri": "a.png", "lable": 1}'], "lable: Extra inputs", id="misspelt"),
        pytest.param(['{"uri": "a.png", "label": -1}'], "label: .*greater than or equal to 0", id="negative"),
        pytest.param(['{"uri": "b.npz", "label": 1}'], "gives one label to .*b.npz', which is no image", id="label"),
        pytest.param(['{"uri": "b.npz", "stop": 9}'], "wants the examples 0 to 9 of .* which has 2", id="too many"),
        pytest.param(['{"uri": "b.npz", "start": 2}'], "wants the examples 2 to 2", id="nothing"),
        pytest.param(['{"uri": "a.png", "label": 1}', '{"uri": "c.png"}'], "none to .*c.png'; wanted all", id="some"),
        pytest.param(['{"uri": "m.jsonl"}'], "names the manifest itself", id="itself"),
        pytest.param(['{"uri": "none/"}'], "there are no images in '.*none", id="missing folder"),
        pytest.param([""], "is empty", id="empty"),
    ],
)
def test_a_line_that_cannot_be_used_says_which(tmp_path: Path, lines: list[str], why: str) -> None:
    write_arrays(tmp_path / "b.npz", x=np.zeros((2, 3)))
    (tmp_path / "m.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataError, match=why):
        open_dataset(str(tmp_path / "m.jsonl"))


def test_a_missing_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no manifest"):
        open_dataset(str(tmp_path / "m.jsonl"))


def test_a_file_that_changed_since_it_was_planned_is_told(tmp_path: Path) -> None:
    write_arrays(tmp_path / "b.npz", ids=np.zeros((5, 1)))
    write_manifest(open_dataset(str(tmp_path / "b.npz")), tmp_path / "plan", 5)
    write_arrays(tmp_path / "b.npz", ids=np.zeros((4, 1)))
    with pytest.raises(DataError, match="has 4 examples and had 5 when the shards were planned"):
        block(open_dataset(str(tmp_path / "plan")))


# Patterns


FILES = ("cat/1.png", "cat/2.jpg", "dog/deep/3.png", "dog/4.png", "5.png")


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("*.png", ["5.png"]),
        ("*/*.png", ["1.png", "4.png"]),
        ("**/*.png", ["1.png", "4.png", "3.png"]),
        ("c?t/*", ["1.png", "2.jpg"]),
        ("dog/**/[0-3].png", ["3.png"]),
        ("*/[!1].png", ["4.png"]),
        ("dog/**/**/3*", ["3.png"]),
        ("**/d*g/**/3*", ["3.png"]),
        ("c*t/*.p*g", ["1.png"]),
        ("*g/4*", ["4.png"]),
        ("cat[!x]1.*", []),
    ],
)
def test_patterns_name_files(tmp_path: Path, pattern: str, wanted: list[str]) -> None:
    write_images(tmp_path, {name: noise() for name in FILES if name != "5.png" or "**" not in pattern})
    if wanted:
        assert file_names(open_dataset(f"{tmp_path}/{pattern}")) == wanted
    else:
        with pytest.raises(DataError, match="nothing matches"):
            open_dataset(f"{tmp_path}/{pattern}")


PIECES = st.sampled_from(["a", "b", "/", "*", "?", "**/", "[ab]", "[!a]"])
NAMES = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=4).map("/".join)


def reaches(pattern: list[str], name: str) -> bool:
    """Whether a pattern's pieces say a name, by trying everything."""
    if not pattern:
        return not name
    piece, rest = pattern[0], pattern[1:]
    if piece == "**/":
        places = [0, *(place + 1 for place, letter in enumerate(name) if letter == "/")]
        return any(reaches(rest, name[place:]) for place in places)
    if piece == "*":
        return any(reaches(rest, name[place:]) for place in range(len(name.split("/", 1)[0]) + 1))
    kinds = {"?": "ab", "[ab]": "ab", "[!a]": "b"}
    return bool(name) and name[0] in kinds.get(piece, piece) and reaches(rest, name[1:])


@given(st.lists(PIECES, max_size=8), NAMES)
def test_a_pattern_says_what_trying_everything_finds(pieces: list[str], name: str) -> None:
    folders = [place for place, piece in enumerate(pieces) if piece == "**/"]
    assume(all(place == 0 or pieces[place - 1] in ("/", "**/") for place in folders))
    assume(not any({*pair} == {"*"} for pair in pairwise(pieces)))
    assert bool(re.fullmatch(_expression("".join(pieces)), name)) == reaches(pieces, name)


@pytest.mark.parametrize("pattern", ["*a" * 30 + "b", "*" * 60 + "b", "**/a*/" * 20 + "b", "**/*a*/" * 20 + "*b"])
@pytest.mark.parametrize("name", ["a" * 1000, "a/" * 500 + "c", "aa/" * 333 + "a"])
def test_a_pattern_of_many_wild_cards_takes_no_time(pattern: str, name: str) -> None:
    expression = re.compile(_expression(pattern))
    with within(seconds=5):
        assert not expression.fullmatch(name)


def test_a_class_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"/\[z-a\]\.png' is no pattern: bad character range z-a"):
        open_dataset(f"{tmp_path}/[z-a].png")


def test_a_pattern_over_class_folders_keeps_their_classes(tmp_path: Path) -> None:
    write_images(tmp_path, {"cat/1.png": noise(), "dog/2.png": noise(), "dog/3.png": noise()})
    labels = open_dataset(f"{tmp_path}/*/*.png").labels
    assert labels is not None
    assert labels.tolist() == [0, 1, 1]


def test_a_pattern_that_names_nothing_is_told(tmp_path: Path) -> None:
    write_images(tmp_path, {"a.png": noise()})
    with pytest.raises(DataError, match=rf"nothing matches '.*\*\.jpg'; {tmp_path} was listed"):
        open_dataset(f"{tmp_path}/*.jpg")


def test_a_pattern_of_two_kinds_is_refused(tmp_path: Path) -> None:
    write_images(tmp_path, {"a.png": noise()})
    (tmp_path / "b.txt").write_text("")
    with pytest.raises(DataError, match=r"names images such as 'a\.png' and other files such as 'b\.txt'"):
        open_dataset(f"{tmp_path}/*")


def test_a_name_with_a_wild_card_in_it_is_a_name(tmp_path: Path) -> None:
    uri = write_arrays(tmp_path / "a[1].npz", x=np.zeros((2, 3)))
    assert len(open_dataset(uri)) == 2


def test_folders_whose_names_hold_wild_cards_are_folders(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "[old]/photos?", {"a.png": noise(), "b.jpg": noise()})
    assert file_names(open_dataset(str(folder))) == ["a.png", "b.jpg"]
    assert file_names(open_dataset(f"{folder}/*.png")) == ["a.png"]
    assert file_names(open_dataset(f"{tmp_path}/[[]old]/photos?/*.jpg")) == ["b.jpg"]
