"""What a user can get wrong in the whole chain: one sentence, exit status 2, nothing at the target."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from octavo.cli import main
from octavo.documents.result import Result
from octavo.errors import StorageError
from octavo.graph import save_graph
from octavo.graph.text import parse_graph
from octavo.quantize.quantize import Files, Quantized
from octavo.storage import upload
from quickstart import QUICKSTART
from servers import StorageServer

GRAPH = parse_graph("input = Placeholder() dtype=float32 shape=<?,28,28,1>\npredict = Relu(input) T=float32")


@contextmanager
def refused(target: Path, capsys: pytest.CaptureFixture[str], *words: str, shown: str = "") -> Iterator[None]:
    """The block ends with status 2 and one last sentence that holds the words; the target is not there."""
    with pytest.raises(SystemExit) as end:
        yield
    output = capsys.readouterr()
    last = output.err.splitlines()[-1]
    assert shown in output.out
    assert end.value.code == 2
    assert last.startswith("octavo: error: ")
    assert [word for word in words if word not in last] == []
    assert not target.exists()


@pytest.mark.int8
def test_a_wrong_output_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "target"
    with refused(target, capsys, "'predicts'", "predict"):
        main(["quantize", str(QUICKSTART.model), *QUICKSTART.flags(output=target, outputs="predicts")])


@pytest.mark.int8
def test_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target, missing = tmp_path / "target", tmp_path / "model.pb"
    with refused(target, capsys, str(missing)):
        main(["quantize", str(missing), *QUICKSTART.flags(output=target)])


@pytest.mark.int8
def test_a_truncated_graph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target, broken = tmp_path / "target", tmp_path / "truncated.pb"
    save_graph(GRAPH, broken)
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    with refused(target, capsys, "truncated.pb", "truncated"):
        main(["quantize", str(broken), *QUICKSTART.flags(output=target)])


@pytest.mark.int8
def test_an_empty_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target, empty = tmp_path / "target", tmp_path / "empty.npz"
    np.savez(empty, x=np.zeros((0, 28, 28, 1), np.uint8), y=np.zeros(0, np.int64))
    with refused(target, capsys, str(empty)):
        main(["quantize", str(QUICKSTART.model), *QUICKSTART.flags(output=target, calibration=empty)])


@pytest.mark.int8
def test_an_accuracy_outside_the_tolerance_shows_the_figures_and_publishes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, black = tmp_path / "target", tmp_path / "black.npz"
    np.savez(black, x=np.zeros((8, 28, 28, 1), np.uint8), y=np.zeros(8, np.int64))
    with refused(target, capsys, "points of top-1", shown="file size"):
        main(["quantize", str(QUICKSTART.model), *QUICKSTART.flags(output=target, calibration=black)])


@pytest.mark.int8
def test_a_model_that_only_guesses_is_not_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target, shuffled = tmp_path / "target", tmp_path / "shuffled.npz"
    with np.load(QUICKSTART.validation) as arrays:
        np.savez(shuffled, x=arrays["x"], y=np.random.default_rng(0).permutation(arrays["y"]))
    with refused(target, capsys, "no more than guessing", "preprocessing", shown="FP32 model itself answers at chance"):
        main(["quantize", str(QUICKSTART.model), *QUICKSTART.flags(output=target, validation=shuffled)])


@pytest.mark.int8
def test_a_model_that_cannot_be_published_at_last_is_kept(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "target" / "int8.pb" / "in the way").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    result = Result.read(published / "summary.json")
    with pytest.raises(StorageError, match=r"int8\.pb' cannot be written.*kept in 'octavo-unpublished-") as refusal:
        Quantized(result, Files(published), 1.0).publish("target")
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["int8.pb"]
    words = shlex.split(str(refusal.value).rpartition("`octavo ")[2].removesuffix("`"))
    (tmp_path / "target" / "int8.pb" / "in the way").rmdir()
    (tmp_path / "target" / "int8.pb").rmdir()
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
    assert {p.name: p.read_bytes() for p in (tmp_path / "target").iterdir()} == {
        p.name: p.read_bytes() for p in published.iterdir()
    }


def test_a_target_that_cannot_be_written_is_told_before_the_work_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    with refused(tmp_path / "file" / "target", capsys, "file/target", "cannot be written"):
        main(["quantize", str(tmp_path / "no model"), *QUICKSTART.flags(output=tmp_path / "file" / "target")])


@pytest.mark.parametrize("flag", ["--tolerance=-1", "--shards=0", "--batch-size=0", "--limit=-1"])
def test_a_number_out_of_its_range_is_refused_before_the_work_begins(
    flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["quantize", str(tmp_path), *QUICKSTART.flags(output=tmp_path / "target"), flag])
    assert end.value.code == 2
    assert flag.split("=", maxsplit=1)[0] in capsys.readouterr().err


def test_an_unknown_preset_is_refused_before_the_work_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "target"
    with refused(target, capsys, "'imagenet'"):
        main(["quantize", str(tmp_path), *QUICKSTART.flags(output=target, preprocessing="imagenet")])


def test_a_log_of_another_graph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target, graph, log = (tmp_path / name for name in ("out.pb", "in.pb", "log.txt"))
    save_graph(GRAPH, graph)
    log.write_text(";elsewhere_eightbit_requant_range__print__;__requant_min_max:[0][6]\n")
    with refused(target, capsys, "elsewhere_eightbit_requant_range"):
        main(
            [
                "transform_graph",
                f"--in_graph={graph}",
                f"--out_graph={target}",
                "--outputs=predict",
                f'--transforms=freeze_requantization_ranges(min_max_log_file="{log}")',
            ]
        )


@pytest.mark.int8
@pytest.mark.servers
def test_a_missing_object(
    s3_server: StorageServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3_server.use(monkeypatch)
    target, missing = tmp_path / "target", s3_server.uri("nothing/model.pb")
    with refused(target, capsys, missing):
        main(["quantize", missing, *QUICKSTART.flags(output=target)])


@pytest.mark.int8
@pytest.mark.servers
def test_a_bad_key(
    s3_server: StorageServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3_server.use(monkeypatch)
    upload(QUICKSTART.calibration, s3_server.uri("calibration.npz"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    target = tmp_path / "target"
    with refused(target, capsys, "AWS_SECRET_ACCESS_KEY"):
        main(
            [
                "quantize",
                str(QUICKSTART.model),
                *QUICKSTART.flags(output=target, calibration=s3_server.uri("calibration.npz")),
            ]
        )
