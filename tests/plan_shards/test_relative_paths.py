"""A data set that is named from the present folder is the same one in a manifest, wherever that lies and is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from images import noise, write_arrays, write_images, write_labels
from octavo.data.blocks import Encoded
from octavo.data.dataset import open_dataset
from octavo.data.manifest import write_manifest
from octavo.plan_shards.plan import plan_shards
from records import write_records

IDS = np.arange(40)[:, None]
LABELS = IDS[:, 0] % 5


def npz(folder: Path) -> str:
    write_arrays(folder / "a.npz", ids=IDS, y=LABELS)
    return "a.npz"


def npy(folder: Path) -> str:
    np.save(folder / "a.npy", IDS)
    return "a.npy"


def records(folder: Path) -> str:
    write_records(folder / "a.tfrecord", [{"ids": row, "label": [row[0] % 5]} for row in IDS])
    return "a.tfrecord"


def compressed_records(folder: Path) -> str:
    write_records(folder / "a.tfrecord.gz", [{"ids": row, "label": [row[0] % 5]} for row in IDS], compressed=True)
    return "a.tfrecord.gz"


def images(folder: Path) -> str:
    write_images(folder / "photos", {f"{n:02}.png": noise(2, 2, seed=n) for n in range(9)})
    return "photos"


def class_folders(folder: Path) -> str:
    write_images(folder / "classes", {f"{n % 3}/{n:02}.png": noise(2, 2, seed=n) for n in range(9)})
    return "classes"


def table(folder: Path) -> str:
    names = {f"{n:02}.png": noise(2, 2, seed=n) for n in range(9)}
    write_labels(write_images(folder / "listed", names), {name: 8 - n for n, name in enumerate(names)})
    return "listed"


def folder_of_records(folder: Path) -> str:
    (folder / "parts").mkdir()
    for part, rows in enumerate(np.array_split(IDS, 3)):
        write_records(folder / f"parts/{part}.tfrecord", [{"ids": row, "label": [row[0] % 5]} for row in rows])
    return "parts"


def pattern(folder: Path) -> str:
    (folder / "ids").mkdir()
    for part, rows in enumerate(np.array_split(IDS, 3)):
        write_arrays(folder / f"ids/{part}.npz", ids=rows, y=rows[:, 0] % 5)
    return "ids/*.npz"


def pattern_of_images(folder: Path) -> str:
    class_folders(folder)
    return "classes/*/*.png"


def manifest(folder: Path) -> str:
    npz(folder)
    class_folders(folder)
    (folder / "lists").mkdir()
    lines = ({"uri": "../a.npz", "start": 3, "stop": 30}, {"uri": "../a.npz", "start": 30})
    (folder / "lists/m.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return "lists/m.jsonl"


def manifest_of_images(folder: Path) -> str:
    class_folders(folder)
    lines = [{"uri": f"classes/{n % 3}/{n:02}.png", "label": n % 3} for n in range(9)]
    (folder / "m.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return "m.jsonl"


FORMATS = [
    npz,
    npy,
    records,
    compressed_records,
    images,
    class_folders,
    table,
    folder_of_records,
    pattern,
    pattern_of_images,
    manifest,
    manifest_of_images,
]


def held(uri: str) -> list[tuple[bytes, int | None]]:
    """The main feature of every example, and its label."""
    dataset = open_dataset(uri)
    found = []
    for ((block),) in dataset.blocks(0, len(dataset), batch_size=1):
        (value,) = block.values(block.main or "")
        labels = block.labels(None)
        content = value.content() if isinstance(value, Encoded) else np.asarray(value).tobytes()
        found.append((content, None if labels is None else int(labels[0])))
    return found


SPELLINGS = {
    "plain": lambda name: f"data/{name}",
    "dot": lambda name: f"./data/{name}",
    "parent": lambda name: f"data/../data/{name}",
    "home": lambda name: f"~/data/{name}",
    "from a folder beside": lambda name: f"../base/data/{name}",
}


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a user works in, their home too, with data in a folder `data`; it is the present folder."""
    folder = tmp_path / "base"
    (folder / "data").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("write", FORMATS, ids=lambda write: write.__name__)
def test_a_plan_of_a_relative_path_reads_as_that_of_the_absolute_one(
    write: Callable[[Path], str],
    spelling: Callable[[str], str],
    seed: int,
    base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = write(base / "data")
    planned = {}
    for way, uri in (("relative", spelling(name)), ("absolute", f"{base}/data/{name}")):
        plan_shards(uri, shards=2, batch_size=4, limit=8, seed=seed, manifest=tmp_path / f"plans/{way}")
    monkeypatch.chdir(tmp_path / "elsewhere")
    planned = {way: held(str(tmp_path / "plans" / way)) for way in ("relative", "absolute")}
    assert len(planned["relative"]) == 8
    assert planned["relative"] == planned["absolute"]


@pytest.mark.parametrize("write", FORMATS, ids=lambda write: write.__name__)
def test_a_data_set_stays_what_it_was_when_it_was_opened(
    write: Callable[[Path], str], base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_dataset(f"data/{write(base / 'data')}")
    monkeypatch.chdir(tmp_path / "elsewhere")
    write_manifest(dataset, tmp_path / "plan", len(dataset))
    assert len(held(str(tmp_path / "plan"))) == len(dataset)


def test_a_manifest_of_a_manifest_that_is_named_relatively_is_its_files(base: Path, tmp_path: Path) -> None:
    uri = manifest(base / "data")
    plan_shards(f"data/{uri}", shards=1, batch_size=4, manifest=tmp_path / "plan")
    plan_shards(str(tmp_path / "plan"), shards=1, batch_size=4, manifest=tmp_path / "deep/again")
    assert held(str(tmp_path / "deep/again")) == held(f"{base}/data/{uri}")


@pytest.mark.parametrize("folder", [".", "data"])
def test_what_a_user_writes_into_a_manifest_is_relative_to_it(
    folder: str, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_arrays(base / "data/a.npz", ids=IDS)
    write_arrays(base / "a.npz", ids=IDS[:3])
    (base / "data/m.jsonl").write_text('{"uri": "a.npz"}\n')
    monkeypatch.chdir(base / folder)
    assert len(open_dataset("m.jsonl" if folder == "data" else "data/m.jsonl")) == len(IDS)


def test_a_file_uri_is_written_as_the_path_that_it_is(base: Path, tmp_path: Path) -> None:
    write_arrays(base / "data/with blank%.npz", ids=IDS)
    plan_shards(
        f"file://{base}/data/with%20blank%25.npz", shards=1, batch_size=8, seed=1, manifest=tmp_path / "plans/plan"
    )
    assert len(held(str(tmp_path / "plans/plan"))) == len(IDS)
