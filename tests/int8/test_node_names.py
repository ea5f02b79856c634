"""A name that a stage writes is read back by the next one."""

import pytest

from octavo.int8.node_names import added, correction_of, entry_codes, entry_tensor, is_added, is_correction, origin


@pytest.mark.parametrize("op", ["conv1", "a/b_c"])
def test_what_is_added_for_an_op_tells_the_op(op: str) -> None:
    assert origin(added(op, "requantize")) == origin(entry_codes(op, "x")) == origin(op) == op
    assert is_added(added(op, "requantize"))
    assert not is_added(op)


def test_entries_tell_their_tensor_and_kernels_have_none() -> None:
    assert entry_tensor(entry_codes("conv1", "split:1")) == "split__port__1"
    assert entry_tensor(added("conv1", "requantize")) is None


def test_a_correction_is_told_by_its_name() -> None:
    assert is_correction(correction_of("conv1"))
    assert not is_correction(added("conv1", "bias_add"))
