"""Give all nodes but the graph's inputs and outputs short names without a meaning: 0, 1, ... 9, a, ... Z, 10, 11, ...

With the input `image`, and the output `y`:

Before:
    image = Placeholder()
    Mobilenet/weights = Const() value=float32<>[1]
    Mobilenet/conv = Mul(image, Mobilenet/weights)
    y = Relu(Mobilenet/conv)
After:
    image = Placeholder()
    0 = Const() value=float32<>[1]
    1 = Mul(image, 0)
    y = Relu(1)

For smaller files, and to show less of how a model is made. The names count in base 62, in the order of the file; those
of inputs and outputs are skipped. Functions of the library, and attributes that hold a name, keep theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from octavo.graph import Graph
from octavo.transform_graph.renaming import with_names

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def obfuscate_names(graph: Graph) -> Graph:
    """Give all nodes but the graph's inputs and outputs short names without a meaning."""
    kept = graph.input_names | graph.output_names
    fresh = (name for name in _short_names() if name not in kept)
    return with_names(graph, {name: next(fresh) for name in graph.nodes if name not in kept})


def _short_names() -> Iterator[str]:
    """0, 1, ... in base 62."""
    for number in count():
        name, rest = "", number
        while rest or not name:
            rest, digit = divmod(rest, len(DIGITS))
            name = DIGITS[digit] + name
        yield name
