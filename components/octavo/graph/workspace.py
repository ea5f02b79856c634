"""A graph under edit: its indices follow each edit, so that an edit costs no more than its own size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from octavo.errors import GraphError
from octavo.graph.graph import Graph, Node, rewire
from octavo.graph.names import fresh_name, producer_name

Place = tuple[int, int]
"""Where a node stands: a position in the file, then a serial number among those that share it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What a rule asks for, applied whole or not at all.

    Args:
        drop: the names of nodes that go.
        add: the nodes that come; one may take the name, and the place, of a dropped node.
        rename: tensor name -> tensor name, for all readers that stay.
    """

    drop: frozenset[str]
    add: tuple[Node, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)


class Workspace:
    """The nodes and readers of a graph while rules edit it.

    A node that loses its last reader by an edit goes as well, and so do the nodes that only it read; but
    never a graph output, a graph input or a Placeholder.
    """

    def __init__(self, graph: Graph) -> None:
        self.nodes: dict[str, Node] = dict(graph.nodes)
        self.output_names = graph.output_names
        self.input_names = graph.input_names
        self._graph = graph
        self._places: dict[str, Place] = {name: (n, 0) for n, name in enumerate(graph.nodes)}
        self._serials = count(-(2**60))  # negative: what an edit adds stands before the node whose place it shares
        self._readers: dict[str, dict[str, None]] = {name: {} for name in graph.nodes}
        for node in graph.nodes.values():
            self._index(node)

    def producer(self, tensor: str) -> Node:
        """The node that makes `tensor`."""
        return self.nodes[producer_name(tensor)]

    def readers(self, name: str) -> tuple[Node, ...]:
        """The nodes that read a node, data or control, each once."""
        return tuple(self.nodes[reader] for reader in self._readers[name])

    def fresh_name(self, wanted: str) -> str:
        """`wanted`, or with the first number behind it that makes a name no node has."""
        return fresh_name(wanted, self.nodes)

    def apply(self, edit: Edit) -> None:
        """Make an edit.

        Raises:
            GraphError: when the edit would leave a reader without its tensor, take a graph output away, or
                give a name twice. The workspace is then unchanged.
        """
        self._check(edit)
        last = max((self._places[name] for name in edit.drop), default=(len(self._places), 0))
        lost = [self._remove(name) for name in edit.drop]
        for node in edit.add:
            if self._places.get(node.name, last) == last:
                self._places[node.name] = (last[0], next(self._serials))
            self.nodes[node.name] = node
            self._readers.setdefault(node.name, {})
            self._index(node)
        added = {node.name for node in edit.add}
        for reader in {r: None for old in edit.rename for r in self._readers[producer_name(old)] if r not in added}:
            self._rewire(reader, edit.rename)
        self._sweep([producer_name(t) for node in lost for t in node.inputs] + list(map(producer_name, edit.rename)))

    def graph(self) -> Graph:
        """The graph as it stands now; what an edit added stands where the last node stood that it dropped."""
        ordered = sorted(self.nodes, key=self._places.__getitem__)
        return replace(self._graph, nodes={name: self.nodes[name] for name in ordered})

    def _check(self, edit: Edit) -> None:
        added = {node.name for node in edit.add}
        if len(added) < len(edit.add):
            raise GraphError(f"an edit adds two nodes of one name: {sorted(node.name for node in edit.add)}")
        if taken := sorted(name for name in added - edit.drop if name in self.nodes):
            raise GraphError(f"an edit adds nodes whose names are taken: {', '.join(taken)}")
        gone = edit.drop - added
        if ends := sorted(gone & (self.output_names | self.input_names)):
            raise GraphError(f"an edit drops graph inputs or outputs: {', '.join(ends)}")
        kept = [n for name in gone for n in self.readers(name) if n.name not in edit.drop]
        for node in (*rewire(kept, edit.rename), *edit.add):
            for tensor in node.inputs:
                name = producer_name(tensor)
                if name in gone or (name not in self.nodes and name not in added):
                    raise GraphError(f"{node.op} {node.name!r} would read {tensor!r}, which no node makes")

    def _index(self, node: Node) -> None:
        for tensor in node.inputs:
            self._readers[producer_name(tensor)][node.name] = None

    def _remove(self, name: str) -> Node:
        """Take a node out; its place and its readers stay for a successor of the same name."""
        node = self.nodes.pop(name)
        for tensor in node.inputs:
            self._readers[producer_name(tensor)].pop(name, None)
        return node

    def _rewire(self, reader: str, rename: Mapping[str, str]) -> None:
        before = self._remove(reader)
        self.nodes[reader] = rewire([before], rename)[0]
        self._index(self.nodes[reader])

    def _sweep(self, names: Iterable[str]) -> None:
        """Take out what lost its last reader; names are those that may have."""
        kept = self.output_names | self.input_names
        todo = list(names)
        while todo:
            name = todo.pop()
            if name not in self.nodes or self._readers[name] or name in kept or self.nodes[name].op == "Placeholder":
                continue
            todo += [producer_name(t) for t in self._remove(name).inputs]
