"""Random small float graphs for property tests: convs, norms, arithmetic, forks, joins, dead ends, control edges."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from examples import example
from octavo.graph import Graph
from octavo.graph.tensors import Array

SHAPE = (2, 4, 4, 2)
"""The shape of the input; every tensor of a graph has its rows and columns."""


class Builder:
    """A graph's text while it grows, line by line."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.lines = ["x = Placeholder() dtype=float32 shape=<?,4,4,2>"]
        self.tensors: list[tuple[str, int]] = [("x", SHAPE[3])]
        self.consts: dict[str, Array] = {}
        self.count = 0

    def add(self, channels: int, op: str, *inputs: str, attrs: str = "", control: bool = True) -> str:
        """Append a node; now and then it waits for another one."""
        name = f"n{self.count}"
        self.count += 1
        waits = []
        if control and self.draw(st.integers(0, 7)) == 0:
            waits = [f"^{self.draw(st.sampled_from(tuple(self.tensors)))[0].split(':')[0]}"]
        self.lines.append(f"{name} = {op}({', '.join([*inputs, *waits])}) {attrs}")
        self.tensors.append((name, channels))
        return name

    def const(self, *shape: int) -> str:
        """A Const of seeded values of both signs, none near zero; an earlier one of the shape now and then."""
        same = [name for name, value in self.consts.items() if value.shape == shape]
        if same and self.draw(st.integers(0, 3)) == 0:
            return str(self.draw(st.sampled_from(same)))
        seed = self.draw(st.integers(0, 3))
        rng = np.random.default_rng([seed, *shape])
        name = f"k{len(self.consts)}"
        self.consts[name] = (rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape)).astype(np.float32)
        return name

    def positive(self, *shape: int) -> str:
        """A Const of positive values."""
        name = self.const(*shape)
        self.consts[name] = np.abs(self.consts[name])
        return name

    def pick(self) -> tuple[str, int]:
        """A tensor: the last one more often than not."""
        last = self.draw(st.booleans())
        chosen: tuple[str, int] = self.tensors[-1] if last else self.draw(st.sampled_from(tuple(self.tensors)))
        return chosen


def _conv(b: Builder, x: str, c: int) -> None:
    size, out = b.draw(st.sampled_from([1, 3])), b.draw(st.integers(1, 3))
    weights = b.const(size, size, c, out)
    if b.draw(st.integers(0, 3)) == 0:
        b.lines.append(f"{weights}_read{b.count} = Identity({weights})")
        weights = f"{weights}_read{b.count}"
    b.add(out, "Conv2D", x, weights, attrs='padding="SAME"')


def _depthwise(b: Builder, x: str, c: int) -> None:
    b.add(c, "DepthwiseConv2dNative", x, b.const(1, 1, c, 1), attrs='padding="SAME"')


def _bias(b: Builder, x: str, c: int) -> None:
    b.add(c, "BiasAdd", x, b.const(c))


def _arithmetic(b: Builder, x: str, c: int) -> None:
    op = b.draw(st.sampled_from(["Mul", "Add", "AddV2", "Sub", "RealDiv"]))
    const = b.positive(*b.draw(st.sampled_from([(), (1,), (c,), (1, 1, 1, c)]))) if op == "RealDiv" else b.const(c)
    swap = op not in {"Sub", "RealDiv"} and b.draw(st.booleans())
    b.add(c, op, *((const, x) if swap else (x, const)))


def _scale_expression(b: Builder, x: str, c: int) -> None:
    total = b.add(c, "Add", b.positive(c), b.positive(), control=False)
    root = b.add(c, "Rsqrt", total, control=False)
    del b.tensors[-2:]
    b.add(c, "Mul", x, root)


def _norm(b: Builder, x: str, c: int) -> None:
    op = b.draw(st.sampled_from(["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"]))
    params = (b.const(c), b.const(c), b.const(c), b.positive(c))
    b.add(c, op, x, *params, attrs="is_training=false epsilon=0.001")


def _subdivmul(b: Builder, x: str, c: int) -> None:
    for op, value in (("Sub", b.const(c)), ("RealDiv", b.positive(c)), ("Mul", b.const(c)), ("BiasAdd", b.const(c))):
        x = b.add(c, op, x, value, control=False)


def _unary(b: Builder, x: str, c: int) -> None:
    b.add(c, b.draw(st.sampled_from(["Relu", "Relu6", "Identity", "Identity", "Neg", "Tanh"])), x)


def _check(b: Builder, x: str, c: int) -> None:
    b.add(c, "CheckNumerics", x, attrs='message="?"')


def _join(b: Builder, x: str, c: int) -> None:
    same = [name for name, channels in b.tensors if channels == c]
    b.add(c, b.draw(st.sampled_from(["Add", "AddV2", "Mul", "Maximum"])), x, b.draw(st.sampled_from(same)))


def _concat(b: Builder, x: str, c: int) -> None:
    other, channels = b.draw(st.sampled_from(tuple(b.tensors)))
    b.lines.append(f"axis{b.count} = Const() value=int32<>[3]")
    b.add(c + channels, "ConcatV2", x, other, f"axis{b.count}", attrs="Tidx=int32 N=2")


def _split(b: Builder, x: str, c: int) -> None:
    b.lines.append(f"axis{b.count} = Const() value=int32<>[3]")
    name = b.add(1, "Split", f"axis{b.count}", x, attrs=f"num_split={c}")
    b.tensors += [(f"{name}:{port}", 1) for port in range(1, c)]


def _pad(b: Builder, x: str, c: int) -> None:
    b.lines.append(f"pads{b.count} = Const() value=int32<4,2>[0, 0, 1, 1, 1, 1, 0, 0]")
    padded = b.add(c, "Pad", x, f"pads{b.count}", attrs="Tpaddings=int32", control=False)
    del b.tensors[-1]
    b.add(2, "Conv2D", padded, b.const(3, 3, c, 2), attrs='padding="VALID"')


STEPS = (
    *(_conv, _conv, _conv, _depthwise, _bias, _arithmetic, _arithmetic, _scale_expression, _norm, _subdivmul),
    *(_unary, _unary, _check, _join, _concat, _split, _pad),
)


@st.composite
def float_graphs(draw: Any, most: int = 12) -> Graph:
    """A graph with the input `x` and one to three outputs; some of its nodes may be dead."""
    builder = Builder(draw)
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=2, max_size=most)):
        step(builder, *builder.pick())
    names = [name for name, _ in builder.tensors[1:]]
    outputs = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
    outputs = list(dict.fromkeys([names[-1], *outputs]))
    text = "\n".join(builder.lines)
    return example(text, inputs=("x",), outputs=outputs, consts=builder.consts)
