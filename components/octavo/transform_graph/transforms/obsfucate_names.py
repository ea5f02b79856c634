"""obfuscate_names, as TensorFlow's documentation spells it.

With the output `y`:

Before:
    image = Placeholder()
    y = Relu(image)
After:
    0 = Placeholder()
    y = Relu(0)
"""

from __future__ import annotations

from octavo.graph import Graph
from octavo.transform_graph.transforms.obfuscate_names import obfuscate_names


def obsfucate_names(graph: Graph) -> Graph:
    """Give nodes short names: obfuscate_names, as TensorFlow's documentation spells it."""
    return obfuscate_names(graph)
