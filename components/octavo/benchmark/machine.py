"""The machine that a benchmark ran on, as far as INT8 speed depends on it."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from octavo.runtime.tensorflow import import_tensorflow

CPU_INFO = Path("/proc/cpuinfo")

INT8_FLAGS = {"avx512_vnni": "AVX512-VNNI", "avx_vnni": "AVX-VNNI", "amx_int8": "AMX-INT8"}
"""CPU flag, as Linux spells it -> the name of the INT8 multiply-add instructions it stands for."""


class Machine(BaseModel):
    """What INT8 speed depends on.

    Attributes:
        cpu: the processor's model name.
        cores: the cores that this process may use.
        int8_instructions: the INT8 multiply-add instructions that the processor has, e.g. ["AVX512-VNNI"].
        tensorflow: TensorFlow's version.
        onednn: whether TensorFlow's oneDNN kernels are on.
        threads: the threads that one op may use.
    """

    model_config = ConfigDict(frozen=True)

    cpu: str
    cores: int
    int8_instructions: tuple[str, ...]
    tensorflow: str
    onednn: bool
    threads: int


def describe_machine(threads: int = 0) -> Machine:
    """This machine; `threads` is the number that the sessions were given, 0 for TensorFlow's own choice."""
    text = CPU_INFO.read_text(encoding="utf-8", errors="replace") if CPU_INFO.exists() else ""
    cores = len(os.sched_getaffinity(0))
    return Machine(
        cpu=_field(text, "model name") or "unknown",
        cores=cores,
        int8_instructions=int8_instructions(text),
        tensorflow=import_tensorflow().__version__,
        onednn=os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1") not in {"0", "false", "False"},
        threads=threads or cores,
    )


def int8_instructions(cpu_info: str) -> tuple[str, ...]:
    """The INT8 multiply-add instructions among the flags of a /proc/cpuinfo text."""
    flags = set(_field(cpu_info, "flags").split())
    return tuple(name for flag, name in INT8_FLAGS.items() if flag in flags)


def _field(cpu_info: str, key: str) -> str:
    for line in cpu_info.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""
