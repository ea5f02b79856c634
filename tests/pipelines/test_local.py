"""Running a compiled file on this machine, with small pipelines of this file's own."""

import builtins
import logging
import os
import re
import signal
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from kfp import compiler, dsl
from rich.console import Console

from marked import Program, python, reached
from octavo.components import fetch_model
from octavo.errors import OctavoError
from octavo.local import SENTENCE, run_compiled
from octavo.progress import StepLines
from time_limit import within


@dsl.component(base_image="octavo/octavo:test", install_kfp_package=False)
def count(upto: int) -> list[dict[str, int]]:
    return [{"number": number} for number in range(upto)]


@dsl.component(base_image="octavo/octavo:test", install_kfp_package=False)
def write(item: dict[str, int], word: str, written: dsl.Output[dsl.Artifact]) -> None:
    import sys
    from pathlib import Path

    Path(written.path).write_text(f"{int(item['number'])} {word} {sys.executable}\n")


@dsl.component(base_image="octavo/octavo:test", install_kfp_package=False)
def join(parts: dsl.Input[list[dsl.Artifact]], target: str) -> None:
    from pathlib import Path

    Path(target).write_text("".join(Path(part.path).read_text() for part in parts))


@dsl.component(base_image="octavo/octavo:test", install_kfp_package=False)
def refuse(word: str) -> None:
    from octavo.errors import DataError

    raise DataError(f"{word} is no data set")


@dsl.component(base_image="octavo/octavo:test", install_kfp_package=False)
def die() -> None:
    import os

    os._exit(9)


@dsl.pipeline(name="parallel")
def parallel(target: str, word: str, upto: int = 4) -> None:
    counted = count(upto=upto).set_display_name("Count")
    with dsl.ParallelFor(counted.output) as item:
        part = write(item=item, word=word).set_display_name("Write")
    join(parts=dsl.Collected(part.output), target=target).set_display_name("Join")


@dsl.pipeline(name="refused")
def refused() -> None:
    refuse(word="this").set_display_name("Read data").set_retry(5, backoff_duration="60s")


@dsl.component(base_image="octavo/octavo:test", install_kfp_package=False)
def killed(item: dict[str, int]) -> None:
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL * (int(item["number"]) == 1))


@dsl.component(base_image="octavo/octavo:test", install_kfp_package=False)
def hang(item: dict[str, int], folder: str) -> None:
    import time
    from pathlib import Path

    Path(folder, f"{int(item['number'])}.begun").touch()
    time.sleep(600)


@dsl.component(base_image="octavo/octavo:test", install_kfp_package=False)
def touch(target: str) -> None:
    from pathlib import Path

    Path(target).touch()


@dsl.pipeline(name="one-turn-killed")
def one_turn_killed(target: str) -> None:
    with dsl.ParallelFor(count(upto=3).output) as item:
        turn = killed(item=item).set_display_name("Work")
    touch(target=target).after(turn).set_display_name("Merge")


@dsl.pipeline(name="misled")
def misled(uri: str) -> None:
    fetch_model(uri=uri).set_display_name("Fetch")


@dsl.pipeline(name="hanging")
def hanging(folder: str) -> None:
    with dsl.ParallelFor(count(upto=2).output) as item:
        hang(item=item, folder=folder)


@dsl.pipeline(name="dead")
def dead() -> None:
    die().set_display_name("Crash")


def run(pipeline: Any, folder: Path, **arguments: object) -> str:
    """What was shown; the log is at folder/log.txt."""
    compiled, shown = folder / "pipeline.yaml", StringIO()
    compiler.Compiler().compile(pipeline, str(compiled))
    try:
        with StepLines(Console(file=shown)) as lines:
            run_compiled(compiled, arguments, root=folder / "root", log=folder / "log.txt", lines=lines)
    finally:
        (folder / "shown.txt").write_text(shown.getvalue())
    return shown.getvalue()


def test_a_line_for_each_task_and_everything_else_in_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = run(parallel, tmp_path, target=str(tmp_path / "out"), word="a")

    assert re.sub(r" +\d+\.\d s", "", shown).splitlines() == ["ok     Count", *["ok     Write"] * 4, "ok     Join"]
    assert "Executing task" in (tmp_path / "log.txt").read_text()
    assert capsys.readouterr() == ("", "")


def test_tasks_run_in_this_python_whatever_words_their_arguments_hold(tmp_path: Path) -> None:
    folder = tmp_path / "python3 and a blank"
    folder.mkdir()
    run(parallel, folder, target=str(folder / "out"), word="python3 'quoted' $HOME", upto=2)

    lines = (folder / "out").read_text().splitlines()
    assert lines == [f"{number} python3 'quoted' $HOME {sys.executable}" for number in range(2)]


def test_a_task_that_fails_is_told_by_its_own_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        OctavoError, match=r"^the task 'Read data' failed: this is no data set \(everything .*log.txt\)$"
    ):
        run(refused, tmp_path)
    assert re.sub(r" +\d+\.\d s", "", (tmp_path / "shown.txt").read_text()) == "failed Read data\n", "tried once"


def test_a_step_of_octavos_that_fails_is_told_by_its_whole_sentence(tmp_path: Path) -> None:
    missing = tmp_path / ("a rather long name of a folder that is not there " * 3).strip()
    with pytest.raises(OctavoError, match=rf"^the task 'Fetch' failed: .*{missing}.* \(everything it printed: "):
        run(misled, tmp_path, uri=str(missing))


def test_the_sentence_is_found_in_a_long_log_of_anything() -> None:
    texts = ("\n", " ", "Error", "a.b\n", "Error: ", "x" * 100 + "\n")
    for text in texts:
        with within(seconds=20):
            log = f"{text * 200_000}\n  octavo.errors.DataError: the folder is empty\n"
            assert SENTENCE.findall(log)[-1] == "the folder is empty"


def test_a_task_that_dies_without_a_word_is_named(tmp_path: Path) -> None:
    with pytest.raises(OctavoError, match=r"^the task 'Crash' failed: it left no message"):
        run(dead, tmp_path)


def test_a_turn_of_a_loop_that_is_killed_from_outside_fails_the_run_before_the_merge(tmp_path: Path) -> None:
    with pytest.raises(OctavoError, match=r"^the task 'Work' failed"):
        run(one_turn_killed, tmp_path, target=str(tmp_path / "merged"))
    assert "Merge" not in (tmp_path / "shown.txt").read_text()
    assert not (tmp_path / "merged").exists()


def test_nothing_of_this_process_stays_changed(tmp_path: Path) -> None:
    def state() -> tuple[object, ...]:
        root = logging.getLogger()
        return (
            sys.stdout,
            sys.executable,
            builtins.print,
            root.level,
            root.handlers[:],
            root.filters[:],
            dict(os.environ),
        )

    before = state()
    run(parallel, tmp_path, target=str(tmp_path / "out"), word="a")
    assert state() == before


def test_a_task_imports_nothing_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = tmp_path / "current"
    trap.mkdir()
    for name in ("json", "kfp", "octavo", "subprocess"):
        (trap / f"{name}.py").write_text("import os; os._exit(3)")
    monkeypatch.chdir(trap)
    run(parallel, tmp_path, target=str(tmp_path / "out"), word="a", upto=1)
    assert (tmp_path / "out").exists()


HANGING = """
import sys
from pathlib import Path
from rich.console import Console
from octavo.local import run_compiled
from octavo.progress import StepLines
from octavo.runtime.supervisor import supervise

supervise(grace=0)
folder = Path(sys.argv[1])
with StepLines(Console(stderr=True)) as lines:
    run_compiled(
        folder / "pipeline.yaml", {"folder": str(folder)}, root=folder / "root", log=folder / "log.txt", lines=lines
    )
"""


@pytest.fixture
def hung(tmp_path: Path) -> Iterator[Program]:
    """A run of which two tasks hang, each with its shell."""
    compiler.Compiler().compile(hanging, str(tmp_path / "pipeline.yaml"))
    program = Program(python("-c", HANGING, tmp_path), tmp_path, {})
    assert reached(lambda: program.process.poll() is not None or len(list(tmp_path.glob("*.begun"))) == 2)
    assert program.process.poll() is None, program.end()
    yield program
    for process in program.processes():
        os.kill(process, signal.SIGKILL)
    program.process.communicate()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_stopped_takes_its_tasks_with_it(hung: Program, number: signal.Signals, status: int) -> None:
    assert len(hung.processes()) >= 4
    hung.process.send_signal(number)
    found, _, err = hung.end()

    assert (found, err.splitlines()[-1]) == (status, f"octavo: stopped by {number.name}")
    assert hung.processes() == set()
    assert hung.left() == []


def test_the_tasks_of_a_killed_run_do_not_go_on(hung: Program) -> None:
    hung.process.kill()
    assert hung.gone()
