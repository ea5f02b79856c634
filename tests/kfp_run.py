"""The compiled pipeline, run by Kubeflow's own runner in the container engine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kfp import components, local

from engine import Engine
from quickstart import PIPELINE

NOISE = ("ignore::UserWarning:kfp", "ignore::ResourceWarning")
"""What a test that starts the run must not take for errors."""


def published_by_kfp(engine: Engine) -> Path:
    """The folder that the pipeline publishes the quick start's model to, run once for all tests of this pytest."""
    return engine.once("kfp", lambda folder: _run(engine, folder)) / "target" / "published"


def _run(engine: Engine, folder: Path) -> None:
    from docker.types import Mount

    with _group_may_write():
        for name in ("root", "target"):
            (folder / name).mkdir()
    mounts = [
        Mount("/data", str(PIPELINE / "quickstart"), "bind", read_only=True),
        Mount("/target", str(folder / "target"), "bind"),
    ]
    pipeline = components.load_component_from_file(str(PIPELINE / "pipeline.yaml"))
    with pytest.MonkeyPatch.context() as patch, _group_may_write():
        _wait_for_containers(patch)
        patch.setenv("DOCKER_HOST", engine.address)
        local.init(
            local.DockerRunner(
                network_mode="none", read_only=True, tmpfs={"/tmp": ""}, cap_drop=["ALL"], mounts=mounts
            ),
            pipeline_root=str(folder / "root"),
        )
        pipeline(
            model_uri="/data/model",
            calibration_uri="/data/calibration.npz",
            validation_uri="/data/validation.npz",
            target_uri="/target/published",
            preprocessing="unit",
            shards=2,
        )


@contextmanager
def _group_may_write() -> Iterator[None]:
    """Folders of this process may be written to by its group, root's, which is that of the image's user."""
    umask = os.umask(0o002)
    try:
        yield
    finally:
        os.umask(umask)


def _wait_for_containers(patch: pytest.MonkeyPatch) -> None:
    """Mend a race in kfp.local's DockerRunner: it removes containers before it has asked how they ended."""
    from kfp.local import docker_task_handler

    def run(client: Any, image: str, command: list[str], volumes: dict[str, Any], **options: Any) -> int:
        container = client.containers.run(image, command, detach=True, volumes=volumes, **options)
        try:
            status: int = container.wait()["StatusCode"]
            print(container.logs().decode())
        finally:
            container.remove(force=True)
        return status

    patch.setattr(docker_task_handler, "run_docker_container", run)
