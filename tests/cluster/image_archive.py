"""Write an image of a few files as `docker save` does, without any engine."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

STICKY = 0o1777


def write_image(archive: Path, name: str, user: int, entrypoint: list[str], files: Mapping[str, Path | None]) -> None:
    """Write an image of one layer.

    Args:
        archive: the file to write.
        name: the image's reference.
        user: the id of the user whom it runs as.
        entrypoint: the program.
        files: path in the image -> the file here; None for an empty folder that everybody may write to.
    """
    layer = _layer(files)
    digest = hashlib.sha256(layer).hexdigest()
    settings = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"User": str(user), "Entrypoint": entrypoint, "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    config = json.dumps(settings).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": [f"{digest}/layer.tar"]}]
    with tarfile.open(archive, "w") as tar:
        _add(tar, config_name, config)
        _add(tar, f"{digest}/layer.tar", layer)
        _add(tar, "manifest.json", json.dumps(manifest).encode())


def _layer(files: Mapping[str, Path | None]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for path, source in files.items():
            if source is None:
                folder = tarfile.TarInfo(path.lstrip("/"))
                folder.type, folder.mode = tarfile.DIRTYPE, STICKY
                tar.addfile(folder)
            else:
                _add(tar, path.lstrip("/"), source.read_bytes())
    return content.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o755
    tar.addfile(entry, io.BytesIO(content))
