"""The image reference, and the one setting that rewrites it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from octavo import __version__
from octavo.errors import SpecError
from octavo.image import PUBLISHED, image_reference
from quickstart import PIPELINE

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("setting", "reference"),
    [
        pytest.param("", PUBLISHED, id="nothing_set"),
        pytest.param("registry.test/ml/octavo", f"registry.test/ml/octavo:{__version__}", id="no_tag"),
        pytest.param("registry.test:5000/octavo", f"registry.test:5000/octavo:{__version__}", id="a_port_is_no_tag"),
        pytest.param("registry.test:5000/octavo:7", "registry.test:5000/octavo:7", id="tag"),
        pytest.param(f"registry.test/octavo@{DIGEST}", f"registry.test/octavo@{DIGEST}", id="digest"),
    ],
)
def test_a_setting_becomes_a_whole_reference(setting: str, reference: str) -> None:
    assert image_reference(setting) == reference


@pytest.mark.parametrize("setting", ["registry.test/", "https://registry.test/octavo", "octavo octavo", "octavo:"])
def test_what_names_no_image_is_refused_with_the_variables_name(setting: str) -> None:
    with pytest.raises(SpecError, match=r"^OCTAVO_IMAGE is .*is no image"):
        image_reference(setting)


def compiled(image: str, target: Path) -> str:
    """The pipeline's YAML as it is written where OCTAVO_IMAGE is set so."""
    variables = {**os.environ, "OCTAVO_IMAGE": image}
    subprocess.run([sys.executable, PIPELINE / "pipeline.py", "--output", target], env=variables, check=True)
    return target.read_text()


def test_the_variable_rewrites_every_container_of_the_pipeline_and_nothing_else(tmp_path: Path) -> None:
    mirror = "registry.test/ml/octavo:9"
    plain, mirrored = (compiled(image, tmp_path / "pipeline.yaml") for image in ("", mirror))

    pipeline = next(yaml.safe_load_all(mirrored))
    images = {executor["container"]["image"] for executor in pipeline["deploymentSpec"]["executors"].values()}
    assert images == {mirror}
    assert mirrored.replace(mirror, PUBLISHED) == plain
