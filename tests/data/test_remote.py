from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blocks_of import one_image
from images import encoded, noise, write_arrays, write_images, write_labels
from octavo.data.batches import batches
from octavo.data.dataset import open_dataset
from octavo.data.preprocessing import PRESETS
from octavo.errors import DataError
from octavo.storage import join, upload
from records import write_records
from servers import StorageServer

IMAGES = {f"{index}.png": noise(6, 6, seed=index) for index in range(5)}


@pytest.fixture(params=["s3_server", "gcs_server"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> StorageServer:
    found: StorageServer = request.getfixturevalue(request.param)
    found.use(monkeypatch)
    return found.with_fresh_bucket()


def put(folder: Path, uri: str) -> str:
    for path in folder.rglob("*.*"):
        upload(path, join(uri, path.relative_to(folder).as_posix()))
    return uri


def middle(uri: str) -> tuple[list[int] | None, np.ndarray]:
    """Labels and pixels of the examples 1 to 3."""
    (batch,) = batches(open_dataset(uri), PRESETS["raw"], start=1, stop=4, batch_size=3, inputs=one_image((6, 6)))
    return None if batch.labels is None else batch.labels.tolist(), batch.images


@pytest.mark.servers
def test_data_sets_in_object_storage_read_as_on_disk(server: StorageServer, tmp_path: Path) -> None:
    expected = np.stack(list(IMAGES.values()))[1:4]
    table = write_labels(write_images(tmp_path / "table", IMAGES), dict.fromkeys(IMAGES, 9))
    labels, images = middle(put(table, server.uri("table")))
    assert labels == [9, 9, 9]
    assert np.array_equal(images, expected)

    classes = write_images(tmp_path / "classes", {f"{name[0]}/a.png": pixels for name, pixels in IMAGES.items()})
    labels, images = middle(put(classes, server.uri("classes")))
    assert labels == [1, 2, 3]
    assert np.array_equal(images, expected)

    write_arrays(tmp_path / "data.npz", x=np.stack(list(IMAGES.values())))
    upload(tmp_path / "data.npz", server.uri("data.npz"))
    labels, images = middle(server.uri("data.npz"))
    assert labels is None
    assert np.array_equal(images, expected)

    np.savez(tmp_path / "plain.npz", x=np.stack(list(IMAGES.values())), y=np.arange(5))
    upload(tmp_path / "plain.npz", server.uri("plain.npz"))
    for part in range(2):
        rows = ({"image/encoded": encoded(IMAGES[f"{n}.png"]), "label": [n]} for n in range(2 * part, 2 * part + 2))
        path = write_records(tmp_path / f"t-0000{part}-of-00002", rows)
        upload(path, server.uri(f"records/{Path(path).name}"))
    (tmp_path / "m.jsonl").write_text('{"uri": "records/t-*"}\n{"uri": "plain.npz", "start": 4}\n')
    upload(tmp_path / "m.jsonl", server.uri("m.jsonl"))
    for name in ("plain.npz", "records/*", "records", "m.jsonl"):
        labels, images = middle(server.uri(name))
        assert labels == [1, 2, 3]
        assert np.array_equal(images, expected)

    with pytest.raises(DataError, match="there are no images in"):
        open_dataset(server.uri("nothing"))
