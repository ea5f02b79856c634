"""A short run of each fuzz target, on the seeds and on what chance makes of them; `make fuzz` is the long one."""

import random

import pytest

from fuzz.targets import SEEDS, TARGETS, TOKENS

INPUTS = 400


def mutated(chance: random.Random, seeds: tuple[bytes, ...], tokens: tuple[bytes, ...]) -> bytes:
    """A seed with some of its bytes changed, cut, doubled or joined with another's."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 5)):
        start, end = sorted(chance.randint(0, len(data)) for _ in range(2))
        match chance.randrange(5):
            case 0:
                data[start:end] = b""
            case 1:
                data[start:start] = data[start:end]
            case 2:
                data[start:start] = chance.choice(tokens)
            case 3:
                data[start : start + 1] = bytes([chance.randrange(256)])
            case _:
                data[start:] = chance.choice(seeds)[start:]
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_the_parser(name: str) -> None:
    chance = random.Random(0)
    for seed in SEEDS[name]:
        TARGETS[name](seed)
    for _ in range(INPUTS):
        TARGETS[name](mutated(chance, SEEDS[name], TOKENS[name]))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\0" * 100, id="zeros"),
        pytest.param(b"\xff" * 100, id="no_text"),
        pytest.param(b"(" * 10_000, id="nested"),
        pytest.param(b";b\xebc__print__;__requant_min_max:[0][1]\n", id="name_that_is_no_utf_8"),
        pytest.param(b"node{attr{key:'a' value{" + b"list{func{attr{key:'b' value{" * 500, id="deep_text"),
    ],
)
@pytest.mark.parametrize("name", TARGETS)
def test_odd_inputs_break_no_parser(name: str, data: bytes) -> None:
    TARGETS[name](data)
