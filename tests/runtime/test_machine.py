import pytest

from octavo.runtime.machine import describe_machine, int8_instructions

CPU_INFO = """processor\t: 0
model name\t: Some CPU
flags\t\t: fpu {flags} sse2

processor\t: 1
"""


@pytest.mark.parametrize(
    ("flags", "instructions"),
    [
        pytest.param("avx512_vnni amx_int8", ("AVX512-VNNI", "AMX-INT8"), id="both"),
        pytest.param("avx_vnni", ("AVX-VNNI",), id="the 256-bit one is told from the 512-bit one"),
        pytest.param("avx512f avx512_vnnix", (), id="near names do not count"),
    ],
)
def test_int8_instructions_are_read_from_the_flags(flags: str, instructions: tuple[str, ...]) -> None:
    assert int8_instructions(CPU_INFO.format(flags=flags)) == instructions


def test_a_machine_without_cpu_information_has_none() -> None:
    assert int8_instructions("") == ()


def test_this_machine_is_described() -> None:
    machine = describe_machine(threads=3)
    assert machine.threads == 3
    assert machine.cores >= 1
    assert machine.tensorflow[0].isdigit()
