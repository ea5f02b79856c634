"""Constructs that compile and then fail on a server, each compiled for real, and the project's own compiled files."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import compiler, dsl

from octavo.cli import main
from octavo.errors import SpecError
from octavo.lint_pipeline.lint import LEFT, lint
from octavo.tasks import LIGHT, dressed
from time_limit import within

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "octavo/octavo:test"


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def count() -> list[int]:
    return [1, 2]


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def count_untyped() -> list:  # type: ignore[type-arg]
    return [1, 2]


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def use(number: int) -> None:
    print(number)


@dsl.component(base_image=IMAGE)
def installing() -> None:
    print()


@dsl.component(base_image="octavo/octavo", install_kfp_package=False)
def untagged() -> None:
    print()


@dsl.component(base_image="registry.test:5000/octavo@sha256:" + "0" * 64, install_kfp_package=False)
def pinned() -> None:
    print()


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def optional(model: dsl.Input[dsl.Model] | None = None) -> None:
    print(model)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def accented() -> None:
    print("é")


@dsl.container_component
def plain(text: str, model: dsl.Input[dsl.Model], made: dsl.Output[dsl.Model]) -> dsl.ContainerSpec:
    words = [f"--text={text}", model.path, model.uri, made.path, dsl.PIPELINE_JOB_NAME_PLACEHOLDER]
    return dsl.ContainerSpec(image=IMAGE, command=["octavo"], args=[*words, "{{$}}"])


@dsl.container_component
def concat(text: str) -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image=IMAGE, command=["a"], args=[dsl.ConcatPlaceholder(["--text=", text])])


@dsl.container_component
def if_present(text: str = "") -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image=IMAGE, command=["a"], args=[dsl.IfPresentPlaceholder("text", then=[text])])


@dsl.container_component
def listed(logs: dsl.Input[list[dsl.Artifact]]) -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image=IMAGE, command=["a"], args=[logs])


@dsl.container_component
def metadata(model: dsl.Input[dsl.Model]) -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image=IMAGE, command=["a"], args=[model.metadata["size"]])


@dsl.container_component
def no_command() -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image=IMAGE, args=["octavo"])


@dsl.pipeline
def importing() -> None:
    with dsl.ParallelFor([1, 2]):
        dsl.importer(artifact_uri="s3://bucket/model", artifact_class=dsl.Model)


def looped(source: Any) -> Any:
    @dsl.pipeline
    def looping() -> None:
        with dsl.ParallelFor(dressed(source(), "Count", LIGHT).output) as item:
            dressed(use(number=item), "Use", LIGHT)

    return looping


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[[Any], Path]:
    def write(what: Any) -> Path:
        compiler.Compiler().compile(what, str(tmp_path / "compiled.yaml"))
        return tmp_path / "compiled.yaml"

    return write


@pytest.mark.parametrize(
    ("component", "word"),
    [
        pytest.param(concat, "ConcatPlaceholder", id="concat"),
        pytest.param(if_present, "IfPresentPlaceholder", id="if_present"),
        pytest.param(listed, "{{$.inputs.artifacts['logs']}}", id="list_of_artifacts"),
        pytest.param(metadata, "{{$.inputs.artifacts['model'].metadata['size']}}", id="metadata"),
        pytest.param(no_command, "no command", id="no_command"),
        pytest.param(installing, "installs packages", id="pip_install"),
        pytest.param(untagged, "has no tag that stays", id="no_tag"),
        pytest.param(optional, "is optional", id="optional_artifact"),
        pytest.param(accented, "outside ASCII", id="not_ascii"),
    ],
)
def test_a_construct_that_fails_on_a_server_is_named(
    component: Any, word: str, compiled: Callable[[Any], Path]
) -> None:
    (fault,) = lint(compiled(component), component=True)

    assert word in fault


@pytest.mark.parametrize("component", [plain, use, count, pinned], ids=lambda component: component.name)
def test_what_servers_do_resolve_is_left_alone(component: Any, compiled: Callable[[Any], Path]) -> None:
    assert lint(compiled(component), component=True) == []


def test_an_importer_in_a_loop_is_two_faults(compiled: Callable[[Any], Path]) -> None:
    buckets, loop = lint(compiled(importing))

    assert "other buckets" in buckets
    assert "loop" in loop


def test_a_loop_over_an_untyped_list_gives_text_to_a_number(compiled: Callable[[Any], Path]) -> None:
    (fault,) = lint(compiled(looped(count_untyped)))

    assert fault.startswith("Use: number is NUMBER_INTEGER and gets text")


def test_two_artifacts_from_outputs_of_one_name_are_told_and_of_two_names_are_well(
    compiled: Callable[[Any], Path],
) -> None:
    @dsl.component(base_image=IMAGE, install_kfp_package=False)
    def make(made: dsl.Output[dsl.Model], other: dsl.Output[dsl.Model]) -> None:
        print(made, other)

    @dsl.component(base_image=IMAGE, install_kfp_package=False)
    def take(one: dsl.Input[dsl.Model], two: dsl.Input[dsl.Model]) -> None:
        print(one, two)

    @dsl.pipeline
    def alike() -> None:
        first, second = (dressed(make(), name, LIGHT) for name in ("First", "Second"))
        dressed(take(one=first.outputs["made"], two=second.outputs["made"]), "Alike", LIGHT)
        dressed(take(one=first.outputs["made"], two=second.outputs["other"]), "Apart", LIGHT)

    (fault,) = lint(compiled(alike))
    assert fault.startswith("Alike: one and two both come from an output called made")


def test_a_loop_over_a_typed_list_is_well(compiled: Callable[[Any], Path]) -> None:
    assert lint(compiled(looped(count))) == []


def test_a_task_without_resources_and_retries_is_told_each(compiled: Callable[[Any], Path]) -> None:
    @dsl.pipeline
    def bare() -> None:
        use(number=1)

    assert lint(compiled(bare)) == [
        *(f"use: no {name}" for name in ("CPU request", "CPU limit", "memory request", "memory limit")),
        "use: no retries: one lost node fails the run",
    ]


def test_what_is_no_compiled_pipeline_is_refused(tmp_path: Path) -> None:
    chart, broken = tmp_path / "Chart.yaml", tmp_path / "broken.yaml"
    chart.write_text("name: chart\n")
    broken.write_text("a: [\n")

    for file in (chart, broken, tmp_path / "missing.yaml"):
        with pytest.raises(SpecError, match=file.name):
            lint(file)


def test_the_command_prints_each_fault_and_ends_with_status_2(
    compiled: Callable[[Any], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file = compiled(concat)
    with pytest.raises(SystemExit) as end:
        main(["lint-pipeline", "--component", str(file)])

    assert end.value.code == 2
    output = capsys.readouterr()
    assert output.out.startswith(f"{file}: concat: a ConcatPlaceholder")
    assert output.err == "octavo: error: 1 faults in 1 compiled files: the lines above name each\n"


def compiled_files() -> list[Path]:
    """Every file of the project that kfp compiled, checked in or not yet."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.yaml"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    existing = [ROOT / name for name in names if (ROOT / name).exists()]
    return [path for path in existing if "\nschemaVersion: 2.1.0\n" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", compiled_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_compiled_file_of_the_project_is_well(path: Path) -> None:
    assert lint(path, component=path.parent.name == "catalog") == []


def test_the_lint_sees_the_pipeline_and_the_catalogue() -> None:
    folders = {path.parent.name for path in compiled_files()}

    assert {"quantize_int8", "catalog"} <= folders


def test_a_long_word_of_placeholders_takes_time_by_its_length() -> None:
    with within(seconds=10):
        assert LEFT.findall("{{$" * 100_000 + ".inputs.parameters['a']}}") == ["{{$.inputs.parameters['a']}}"]
        assert LEFT.findall("{{$.a}} {{$ {{$.b['{c}']}}") == ["{{$.a}}"]
