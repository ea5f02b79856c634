"""The images in a real container engine, run as a careful cluster runs them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from build_image import tags, version
from engine import Engine
from kfp_run import NOISE, published_by_kfp
from marked import children, reached
from octavo.cli import COMMANDS, main
from octavo.image import PUBLISHED
from quickstart import PIPELINE, PUBLISHED_FILES, QUICKSTART
from small_models import write_keras

pytestmark = pytest.mark.engine

FULL, LIGHT = tags()["octavo"], tags()["light"]
MEGABYTES = 1e6


def inspected(engine: Engine, image: str) -> dict[str, Any]:
    (found,) = json.loads(engine.docker("image", "inspect", image).stdout)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that the image's user may write to as a member of the group 0."""
    tmp_path.chmod(0o775)
    os.chown(tmp_path, -1, 0)
    return tmp_path


def test_the_image_is_the_one_that_compiled_pipelines_name(engine: Engine) -> None:
    assert FULL == PUBLISHED
    assert engine.docker("image", "inspect", FULL, LIGHT).returncode == 0


@pytest.mark.parametrize("image", [FULL, LIGHT])
def test_every_command_shows_its_help(engine: Engine, image: str) -> None:
    script = f"set -e; for name in {' '.join(COMMANDS)}; do octavo $name --help; done"
    done = engine.run(image, "sh", "-c", script)

    assert done.returncode == 0, done.stderr
    shown = [line.split()[2] for line in done.stdout.splitlines() if line.startswith("Usage: octavo ")]
    assert shown == list(COMMANDS)


@pytest.mark.parametrize("image", [FULL, LIGHT])
def test_the_command_is_octavo_and_its_version_is_the_tag(engine: Engine, image: str) -> None:
    assert engine.run(image, "--version").stdout == f"octavo, version {version()}\n"
    assert engine.run(image).stdout.startswith("Usage: octavo ")
    assert inspected(engine, image)["Config"]["Labels"]["org.opencontainers.image.version"] == version()


@pytest.mark.parametrize("image", [FULL, LIGHT])
def test_the_user_is_a_number_and_not_root(engine: Engine, image: str) -> None:
    assert inspected(engine, image)["Config"]["User"] == "10001:0"
    assert engine.run(image, "sh", "-c", "id -u; id -g").stdout.split() == ["10001", "0"]


@pytest.mark.parametrize("image", [FULL, LIGHT])
def test_the_user_may_write_only_at_home_and_in_tmp(engine: Engine, image: str) -> None:
    find = (
        "find / -xdev -writable -not -type l -not -path '/proc/*' -not -path '/dev/*' -not -path '/sys/*' 2>/dev/null"
    )
    done = engine.docker("run", "--rm", "--network=none", image, "sh", "-c", f"{find}; true")

    assert set(done.stdout.split()) <= {"/tmp", "/var/tmp", "/run/lock", "/home/octavo"}


@pytest.mark.parametrize("image", [FULL, LIGHT])
def test_neither_installer_nor_compiler_is_among_the_packages(engine: Engine, image: str) -> None:
    done = engine.run(image, "sh", "-c", "for name in cc gcc ld strip uv; do command -v $name; done; python -m pip")

    assert done.stdout == ""
    assert "No module named pip" in done.stderr


@pytest.mark.parametrize("flags", [(), ("--user=123456:0",)], ids=["its_own_user", "any_user_of_group_0"])
def test_a_step_that_runs_tensorflow_needs_neither_network_nor_a_writable_root(
    engine: Engine, shared: Path, flags: tuple[str, ...]
) -> None:
    mounts = (f"--volume={QUICKSTART.model}:/model:ro", f"--volume={shared}:/out")
    words = ("freeze_graph", "--input_graph=/model/graph.pbtxt", "--input_binary=False", "--output_node_names=predict")
    done = engine.run(
        *(FULL, *words, "--input_checkpoint=/model/model.ckpt", "--output_graph=/out/frozen.pb"),
        flags=(*flags, *mounts),
    )

    assert done.returncode == 0, done.stderr
    assert (shared / "frozen.pb").stat().st_size > 100_000


LOAD = """
import ctypes, os, sysconfig
from pathlib import Path
from octavo.tensorflow import import_tensorflow
import_tensorflow()
libraries = sorted(Path(sysconfig.get_path("purelib")).rglob("*.so*"))
for library in libraries:
    ctypes.PyDLL(str(library))
print(len(libraries), flush=True)
os._exit(0)  # loaded in any order, they do not end in order
"""


def test_every_library_loads_that_the_build_has_trimmed(engine: Engine) -> None:
    done = engine.run(FULL, "python", "-c", LOAD)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 200


def test_a_keras_file_is_frozen_with_what_is_left_of_the_packages(engine: Engine, shared: Path) -> None:
    write_keras(shared / "model.h5")
    words = ("freeze-graph", "--input-graph=/data/model.h5", "--output-graph=/data/frozen.pb")
    done = engine.run(FULL, *words, flags=(f"--volume={shared}:/data",))

    assert done.returncode == 0, done.stderr
    assert (shared / "frozen.pb").exists()


@pytest.mark.parametrize("image", [FULL, LIGHT])
def test_a_step_without_tensorflow_runs_in_both_images(engine: Engine, image: str, shared: Path) -> None:
    log = shared / "log.txt"
    log.write_text(";conv_eightbit_requant_range__print__;__requant_min_max:[0][5.5]\n")
    done = engine.run(
        image, "merge-min-max-logs", "--output=/data/merged.txt", "/data/log.txt", flags=(f"--volume={shared}:/data",)
    )

    assert done.returncode == 0, done.stderr
    begin, record, end = (shared / "merged.txt").read_text().splitlines(keepends=True)
    assert record == log.read_text()
    assert [line.rpartition("__records:")[2] for line in (begin, end)] == ["[0]\n", "[1]\n"]


def test_the_light_image_says_which_image_a_step_needs_that_runs_graphs(engine: Engine) -> None:
    done = engine.run(
        *(LIGHT, "summarize-graph", "--in-graph=/model/graph.pbtxt"), flags=(f"--volume={QUICKSTART.model}:/model:ro",)
    )

    assert done.returncode == 2
    assert done.stderr.startswith("octavo: error: ")
    assert "light" in done.stderr


def test_bad_input_ends_in_one_sentence_and_status_2(engine: Engine) -> None:
    done = engine.run(FULL, "summarize-graph", "--in-graph=/missing.pb")

    assert done.returncode == 2
    assert done.stderr.startswith("octavo: error: ")


@pytest.mark.parametrize("image", [FULL, LIGHT])
def test_a_container_that_is_stopped_ends_at_once_with_the_status_of_its_signal(engine: Engine, image: str) -> None:
    waits = ("submit", "--host=http://127.0.0.1:9", "--wait=60")  # for an API that never answers
    container = engine.docker("run", "--detach", "--network=none", image, *waits).stdout.strip()
    try:
        first = int(engine.docker("inspect", "--format={{.State.Pid}}", container).stdout)
        assert reached(lambda: children(first)), "it waits for the command"
        begin = time.monotonic()
        engine.docker("stop", "--time=60", container)

        assert time.monotonic() - begin < 30
        assert engine.docker("wait", container).stdout == "143\n"
        assert engine.docker("logs", container).stderr == "octavo: stopped by SIGTERM\n"
    finally:
        engine.docker("rm", "--force", container)


def test_a_step_imports_nothing_from_the_folder_that_it_runs_in(engine: Engine) -> None:
    trap = "cd /tmp; for name in json numpy kfp octavo; do echo 'import os; os._exit(3)' > $name.py; done"
    done = engine.run(FULL, "sh", "-c", f"{trap}; python3 -m octavo.pod --help && octavo report --help")

    assert done.returncode == 0, done.stderr


def test_the_images_stay_as_small_as_the_documentation_says(engine: Engine) -> None:
    base = inspected(engine, "local/python:3.11-slim")["Size"]

    assert inspected(engine, FULL)["Size"] - base < 1060 * MEGABYTES
    assert inspected(engine, LIGHT)["Size"] - base < 170 * MEGABYTES


def test_the_light_images_packages_are_a_layer_of_the_full_one(engine: Engine) -> None:
    full, light = (inspected(engine, image)["RootFS"]["Layers"] for image in (FULL, LIGHT))

    assert full[: len(light) - 2] == light[:-2]  # its lists and its code stand on them


def test_the_lists_in_the_image_and_beside_it_name_every_package(engine: Engine) -> None:
    for target, image in tags().items():
        bill = json.loads((engine.build_images() / target / "packages.cdx.json").read_text())
        licences = engine.run(image, "sh", "-c", "cat /usr/share/doc/octavo/licences.md").stdout
        listed = {component["name"].lower().replace("_", "-") for component in bill["components"]}
        installed = engine.run(image, "python", "-c", INSTALLED).stdout.split()

        assert bill["bomFormat"] == "CycloneDX"
        assert listed == {name.lower().replace("_", "-") for name in installed}
        assert all(f"| {name} " in licences for name in installed)
        assert "tensorflow-cpu" in {name.replace("_", "-") for name in installed} or target == "light"


INSTALLED = "import importlib.metadata as m; print(*sorted({d.metadata['Name'] for d in m.distributions()}))"


def test_no_package_index_is_named_in_the_image(engine: Engine) -> None:
    config = json.dumps(inspected(engine, FULL)["Config"]) + engine.docker("history", "--no-trunc", FULL).stdout
    files = engine.run(FULL, "sh", "-c", "ls /etc/pip.conf /run/secrets /root/.config 2>/dev/null; true").stdout

    assert "INDEX" not in config
    assert files == ""


@pytest.mark.int8
@pytest.mark.pipeline
@pytest.mark.filterwarnings(*NOISE)
def test_the_compiled_pipeline_gives_the_same_bytes_in_containers_as_in_one_process(
    engine: Engine, tmp_path: Path
) -> None:
    target = published_by_kfp(engine)
    with pytest.raises(SystemExit) as end:
        main(["quantize", str(QUICKSTART.model), *QUICKSTART.flags(output=tmp_path)])

    assert end.value.code == 0
    assert {path.name for path in target.iterdir()} == PUBLISHED_FILES
    assert (target / "int8.pb").read_bytes() == (tmp_path / "int8.pb").read_bytes()


def test_the_pipeline_names_the_image_that_was_built() -> None:
    pipeline = next(yaml.safe_load_all((PIPELINE / "pipeline.yaml").read_text()))
    assert {e["container"]["image"] for e in pipeline["deploymentSpec"]["executors"].values()} == {FULL}
