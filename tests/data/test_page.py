"""What docs/data-sets.md tells a reader to type or to write works."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from blocks_of import joined, read, vector
from images import noise, write_arrays, write_images
from octavo.cli import main
from octavo.data.dataset import open_dataset
from octavo.data.inputs import ModelInput
from octavo.data.preprocessing import PRESETS, preprocessing
from records import write_records

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "data-sets.md").read_text()
MANIFEST = "mixed.jsonl"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the data sets that the page talks of."""
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "photos", {f"{n % 3}/{n}.png": noise(seed=n) for n in range(20)})
    write_images(tmp_path / "extra", {"cat.png": noise(seed=99)})
    write_arrays(tmp_path / "photos.npz", x=np.stack([noise(seed=n) for n in range(10)]), y=np.arange(10))
    for part in range(2):
        write_records(tmp_path / f"train-0000{part}-of-00002", ({"x": noise(seed=n), "label": [n]} for n in range(6)))
    (manifest,) = blocks("json")
    (tmp_path / MANIFEST).write_text(manifest)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_the_commands_run_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    (text,) = blocks("shell")
    shards = []
    for line in text.splitlines():
        with pytest.raises(SystemExit) as end:
            main(shlex.split(line)[1:])
        assert end.value.code == 0
        shards.append([json.loads(each)["stop"] for each in capsys.readouterr().out.splitlines()])
    assert shards[:2] == [[4, 12], [4, 8, 12]]
    assert shards[2][-1] == 12
    assert len(shards[2]) == 3
    assert shards[3] == [21]


def test_the_manifest_is_one(folder: Path) -> None:
    dataset = open_dataset(str(folder / MANIFEST))
    assert dataset.labels is None or len(dataset) == 21
    found = read(dataset, ModelInput("x", "float32", (None, 8, 8, 3)), settings=PRESETS["raw"], batch_size=9)
    assert np.array_equal(found[0].images, np.stack([noise(seed=n) for n in (99, *range(8))]))


@pytest.mark.parametrize("document", blocks("yaml"))
def test_the_documents_are_preprocessings(document: str) -> None:
    assert preprocessing(document) != preprocessing("{}")


def test_the_function_is_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks("python")
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    (folder / "my_pipeline.py").write_text(code)
    (document,) = (each for each in blocks("yaml") if "function" in each)
    taken = ModelInput("x", "float32", (None, 4, 4, 3))
    found = read(open_dataset("photos.npz"), taken, settings=preprocessing(document))
    assert np.array_equal(found[0].images[1], (noise(seed=1)[::2, ::2] / 255).astype(np.float32))


def test_the_names_of_features_are_heeded(folder: Path) -> None:
    document = next(each for each in blocks("yaml") if "features" in each)
    ids = np.arange(12).reshape(4, 3)
    uri = write_arrays(folder / "t.npz", tokens=ids, mask=ids % 2, grade=np.arange(4))
    names = ("serving_default_input_ids", "serving_default_mask")
    found = read(open_dataset(uri), *(vector(name, 3) for name in names), settings=preprocessing(document))
    assert np.array_equal(joined(found, names[0]), ids)
    assert np.array_equal(joined(found, names[1]), ids % 2)
    assert found[0].labels is not None
    assert found[0].labels.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("page", ["data-sets.md", "stores.md"])
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (DOCS / page).read_text()):
        assert (DOCS / target).exists()


def test_every_variable_of_the_stores_is_told() -> None:
    from octavo.storage import gcs_client, s3_keys, s3_settings

    wanted = {
        *s3_settings.ENDPOINTS["s3"],
        *s3_settings.IDENTITY,
        *gcs_client.ENVIRONMENT,
        s3_keys.FILE,
        s3_keys.PROFILE,
    }
    page = (DOCS / "stores.md").read_text()
    assert [name for name in sorted(wanted) if f"`{name}`" not in page] == []
