"""Images that are written without an engine."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

from cluster.image_archive import write_image


def test_the_archive_is_what_docker_save_writes(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(b"\x7fELF")
    files = {"/bin/program": tmp_path / "program", "/tmp": None}
    write_image(tmp_path / "image.tar", "octavo.test/one:1", 8737, ["program"], files)

    with tarfile.open(tmp_path / "image.tar") as tar:
        contents = {each.name: tar.extractfile(each).read() for each in tar if each.isfile()}  # type: ignore[union-attr]
    (manifest,) = json.loads(contents["manifest.json"])
    config, layer = json.loads(contents[manifest["Config"]]), contents[manifest["Layers"][0]]

    assert manifest["RepoTags"] == ["octavo.test/one:1"]
    assert manifest["Config"] == f"{hashlib.sha256(contents[manifest['Config']]).hexdigest()}.json"
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert (config["config"]["User"], config["config"]["Entrypoint"]) == ("8737", ["program"])
    with tarfile.open(fileobj=io.BytesIO(layer)) as inner:
        assert {each.name: (each.isdir(), each.mode) for each in inner} == {
            "bin/program": (False, 0o755),
            "tmp": (True, 0o1777),
        }
