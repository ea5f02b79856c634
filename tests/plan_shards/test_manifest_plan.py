"""Plans whose examples are written down: what is chosen, and that shards of it are what the data set holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blocks_of import joined, read, vector
from images import noise, write_images
from octavo.data.batches import batches
from octavo.data.dataset import open_dataset
from octavo.data.inputs import ModelInputs
from octavo.data.preprocessing import PRESETS
from octavo.data.sampling import BLOCK
from octavo.errors import SpecError
from octavo.plan_shards.plan import plan_shards
from octavo.run_parameters import MOST_INDEXES
from records import write_records

IDS = np.arange(300).reshape(100, 3)


def record_files(folder: Path) -> str:
    for part, rows in enumerate(np.array_split(IDS, [7, 90])):
        write_records(folder / f"ids-{part:05}-of-00003", [{"ids": row, "label": [int(row[0]) % 5]} for row in rows])
    return f"{folder}/ids-*"


def array_files(folder: Path) -> str:
    for part, rows in enumerate(np.array_split(IDS, [7, 90])):
        (np.savez_compressed if part else np.savez)(folder / f"{part}.npz", ids=rows, y=rows[:, 0] % 5)
    return str(folder)


KINDS = [record_files, array_files]
INPUT = vector("ids", 3)


@pytest.mark.parametrize("write", KINDS)
@pytest.mark.parametrize("shards", [1, 3, 50])
def test_shards_of_the_manifest_are_the_data_set(write: Callable[[Path], str], shards: int, tmp_path: Path) -> None:
    uri = write(tmp_path)
    planned = plan_shards(uri, shards=shards, batch_size=8, manifest=tmp_path / "plan")
    parts = [
        batch
        for shard in planned
        for batch in batches(
            open_dataset(str(tmp_path / "plan")),
            PRESETS["none"],
            start=shard.start,
            stop=shard.stop,
            batch_size=8,
            inputs=ModelInputs((INPUT,)),
        )
    ]
    assert len(planned) == min(shards, 13)
    assert [len(batch) for batch in parts] == [8] * 12 + [4]
    assert np.array_equal(joined(parts, "ids"), IDS)


@pytest.mark.parametrize("write", KINDS)
def test_a_seed_chooses_examples_the_same_each_time(write: Callable[[Path], str], tmp_path: Path) -> None:
    uri = write(tmp_path)
    chosen = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        plan_shards(uri, shards=2, batch_size=8, limit=40, seed=seed, manifest=tmp_path / name)
        dataset = open_dataset(str(tmp_path / name))
        found = read(dataset, INPUT)
        labels = np.concatenate([batch.labels for batch in found if batch.labels is not None])
        assert np.array_equal(labels, joined(found, "ids")[:, 0] % 5)
        chosen.append(joined(found, "ids")[:, 0].tolist())
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(set(chosen[0])) == 40
    assert chosen[0] != IDS[:40, 0].tolist()


def test_a_seed_takes_blocks_from_all_over_one_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "all.npz", ids=IDS, y=IDS[:, 0] % 5)
    chosen = []
    for seed in range(1, 21):
        plan_shards(f"{tmp_path}/all.npz", shards=2, batch_size=8, limit=40, seed=seed, manifest=tmp_path / "plan")
        chosen.append(joined(read(open_dataset(str(tmp_path / "plan")), INPUT), "ids")[:, 0].tolist())
    assert all(len(set(found)) == 40 and found == sorted(found) for found in chosen)
    assert set().union(*chosen) >= set(IDS[::BLOCK, 0].tolist())


def test_a_seed_shuffles_images_one_by_one(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "d", {f"{n % 3}/{n:02}.png": noise(2, 2, seed=n) for n in range(30)})
    plan_shards(str(folder), shards=1, batch_size=4, limit=12, seed=7, manifest=tmp_path / "plan")
    lines = [json.loads(line) for line in (tmp_path / "plan").read_text().splitlines()]
    assert len({line["uri"] for line in lines}) == 12
    assert {line["label"] for line in lines} == {0, 1, 2}
    assert [line["uri"] for line in lines] != sorted(line["uri"] for line in lines)
    assert all(int(Path(line["uri"]).stem) % 3 == line["label"] for line in lines)


def test_a_seed_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="only a manifest can say"):
        plan_shards(array_files(tmp_path), shards=1, batch_size=1, seed=1)


def test_a_limit_ends_the_counting(tmp_path: Path) -> None:
    uri = record_files(tmp_path)
    (tmp_path / "ids-00002-of-00003").write_bytes(b"never looked at")
    (shard,) = plan_shards(uri, shards=1, batch_size=8, limit=20, manifest=tmp_path / "plan")
    assert shard.stop == 20
    assert len(open_dataset(str(tmp_path / "plan"))) == 20


def test_shards_of_too_many_bytes_are_cut_where_batches_begin(tmp_path: Path) -> None:
    uri = str(tmp_path / "d.npy")
    np.save(uri, np.zeros((100, 10), np.uint8))
    found = plan_shards(uri, shards=2, batch_size=8, most_bytes=250)
    assert [(shard.index, shard.start, shard.stop) for shard in found] == [
        (0, 0, 24),
        (1, 24, 48),
        (2, 48, 72),
        (3, 72, 96),
        (4, 96, 100),
    ]
    assert len(plan_shards(uri, shards=2, batch_size=8, most_bytes=1)) == 13
    assert plan_shards(uri, shards=2, batch_size=8, most_bytes=10_000) == plan_shards(uri, shards=2, batch_size=8)


def test_too_many_shards_by_their_bytes_are_refused(tmp_path: Path) -> None:
    uri = str(tmp_path / "d.npy")
    np.save(uri, np.zeros((MOST_INDEXES + 1, 10), np.uint8))
    with pytest.raises(SpecError, match=r"shards is 10001; wanted 10000 or fewer"):
        plan_shards(uri, shards=1, batch_size=1, most_bytes=1)


def test_a_thousand_shards_are_described_in_one_argument(tmp_path: Path) -> None:
    uri = str(tmp_path / "d.npy")
    np.save(uri, np.zeros((10**6, 1), np.uint8))
    planned = plan_shards(uri, shards=1000, batch_size=32, manifest=tmp_path / "plan")
    assert len(json.dumps([shard.model_dump() for shard in planned])) < 100_000
    assert (tmp_path / "plan").stat().st_size < 300
