"""The machine that this runs on, as far as INT8 arithmetic depends on it."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from octavo.tensorflow import import_tensorflow

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
    text = cpu_info()
    cores = len(os.sched_getaffinity(0))
    return Machine(
        cpu=model_name(text),
        cores=cores,
        int8_instructions=int8_instructions(text),
        tensorflow=import_tensorflow().__version__,
        onednn=onednn_is_on(),
        threads=threads or cores,
    )


def cpu_info() -> str:
    """The text of /proc/cpuinfo; empty on systems without one."""
    return CPU_INFO.read_text(encoding="utf-8", errors="replace") if CPU_INFO.exists() else ""


def onednn_is_on() -> bool:
    """Whether TensorFlow rewrites graphs for oneDNN, as TF_ENABLE_ONEDNN_OPTS or else the processor has it."""
    import_tensorflow()
    from tensorflow.python.util import _pywrap_util_port

    return bool(_pywrap_util_port.IsMklEnabled())


def model_name(text: str) -> str:
    """The processor's name in a /proc/cpuinfo text; "unknown" when it has none."""
    return _field(text, "model name") or "unknown"


def int8_instructions(text: str) -> tuple[str, ...]:
    """The INT8 multiply-add instructions among the flags of a /proc/cpuinfo text."""
    flags = set(_field(text, "flags").split())
    return tuple(name for flag, name in INT8_FLAGS.items() if flag in flags)


def _field(text: str, key: str) -> str:
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""
