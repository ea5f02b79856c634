"""What keeps INT8 graphs from running is said in one sentence, before work starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from octavo.errors import EnvironmentFault
from octavo.graph import Graph, Node
from octavo.recipe import Target
from octavo.runtime import environment, machine

WITH_VNNI = "model name : New\nflags : sse2 avx512_vnni\n"
WITHOUT_VNNI = "model name : Old\nflags : sse2 avx2 avx512f\n"

UNDER_ONEDNN_OFF = """
from octavo.errors import EnvironmentFault
from octavo.graph import Graph, Node
from octavo.runtime.environment import check_kernels, check_kernels_of
from octavo.runtime.machine import describe_machine

def told(check, subject):
    try:
        check(subject)
    except EnvironmentFault as fault:
        return str(fault)
    return "nothing"

def graph(op):
    return Graph({"n": Node("n", op, ())})

print(describe_machine().onednn)
print(told(check_kernels, "fused"))
print(told(check_kernels, "public"))
print(told(check_kernels_of, graph("_FusedQuantizedConv2D")))
print(told(check_kernels_of, graph("QuantizedConv2DWithBiasAndReluAndRequantize")))
print(told(check_kernels_of, graph("QuantizedConcatV2")))
"""


def graph(*ops: str) -> Graph:
    return Graph({f"n{i}": Node(f"n{i}", op, ()) for i, op in enumerate(ops)})


def use_processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(machine, "CPU_INFO", tmp_path / "cpuinfo")


def test_with_onednn_off_the_fused_ops_run_and_the_public_ones_are_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNDER_ONEDNN_OFF],
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    onednn, fused, public, fused_conv, public_conv, concat = done.stdout.splitlines()
    assert (onednn, fused, fused_conv) == ("False", "nothing", "nothing")
    assert "TF_ENABLE_ONEDNN_OPTS is 0" in public
    assert "'target: fused'" in public
    assert "QuantizedConv2DWithBiasAndReluAndRequantize cannot run" in public_conv
    assert "exclude ConcatV2" in concat


@pytest.mark.parametrize("target", ["fused", "public"])
def test_a_processor_without_int8_instructions_is_refused(
    target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_processor(monkeypatch, tmp_path, WITHOUT_VNNI)
    with pytest.raises(EnvironmentFault, match=r"\(Old\) has none of AVX512-VNNI, AVX-VNNI, AMX-INT8.*wrong"):
        environment.check_int8(target)


def test_a_graph_without_int8_ops_runs_on_any_processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_processor(monkeypatch, tmp_path, WITHOUT_VNNI)
    environment.check_graph(graph("Conv2D", "QuantizeV2", "Dequantize", "RequantizationRange"))


def test_a_graph_with_int8_ops_does_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_processor(monkeypatch, tmp_path, WITHOUT_VNNI)
    with pytest.raises(EnvironmentFault):
        environment.check_graph(graph("Conv2D", "_FusedQuantizedConv2D"))


def test_a_pod_that_only_rewrites_needs_no_int8_instructions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_processor(monkeypatch, tmp_path, WITHOUT_VNNI)
    environment.check_kernels("fused")
    environment.check_kernels_of(graph("_FusedQuantizedConv2D"))


@pytest.mark.parametrize("text", [WITH_VNNI, ""], ids=["it_has_some", "nothing_is_known"])
def test_a_processor_passes_when(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_processor(monkeypatch, tmp_path, text)
    environment.check_int8("fused")


def test_an_op_without_a_kernel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "FUSED_OPS", frozenset({"_FusedQuantizedConv2D", "_NoSuchOp"}))
    with pytest.raises(EnvironmentFault, match=r"has no CPU kernel for _NoSuchOp; wanted tensorflow-cpu"):
        environment.check_kernels("fused")


def test_onednn_that_the_processor_leaves_off_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    monkeypatch.setattr(machine, "onednn_is_on", lambda: False)
    with pytest.raises(EnvironmentFault, match="is not set and the processor does not turn it on"):
        environment.check_kernels("public")
