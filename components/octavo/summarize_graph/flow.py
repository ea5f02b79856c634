"""Where data go in a graph, and which nodes are beside inference."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterable, Mapping
from functools import cached_property

from octavo.graph.graph import Graph, Node
from octavo.graph.names import canonical, producer_name
from octavo.summarize_graph.sources import find_sources

VARIABLES = frozenset({"Variable", "VariableV2", "VarHandleOp"})
SAVING = re.compile(r"(Save|Restore)(V2|Slice|Slices)?|MergeV2Checkpoints|ShardedFilename|ShardedFilespec")
TRAINING = re.compile(r"(Resource)?(Sparse)?Apply\w+|Assign\w*|(Resource)?Scatter(Add|Sub|Update)|\w+Grad(V\d)?")
LOGGING = re.compile(
    r"(Scalar|Histogram|Image|Audio|Tensor|Merge|Write\w*)Summary(V2)?|Assert|PrintV2|"
    r"IsVariableInitialized|VarIsInitializedOp"
)
ONLOOKERS = frozenset({"Print", "CheckNumerics", "CheckNumericsV2"})
CONDITIONS = frozenset(
    {
        "All", "Any", "Equal", "Greater", "GreaterEqual", "IsFinite", "IsInf", "IsNan", "Less", "LessEqual",
        "LogicalAnd", "LogicalNot", "LogicalOr", "NotEqual",
    }
)  # fmt: skip
LOSSES = frozenset({"SoftmaxCrossEntropyWithLogits", "SparseSoftmaxCrossEntropyWithLogits", "L2Loss"})
COMPARISONS = (LOSSES - {"L2Loss"}) | {"InTopK", "InTopKV2", "Equal", "NotEqual", "SquaredDifference"}
GRADIENTS = re.compile(r"(^|/)gradients(_\d+)?/")


class DataFlow:
    """Where data go in a graph, and which nodes are beside inference."""

    def __init__(self, graph: Graph, variables: frozenset[str] = frozenset()) -> None:
        self.graph = graph
        self._variables = variables

    @cached_property
    def readers(self) -> Mapping[str, list[tuple[str, Node]]]:
        """Node name -> the tensors of it that are read, with their readers; control edges left out."""
        found: dict[str, list[tuple[str, Node]]] = {name: [] for name in self.graph.nodes}
        for node in self.graph.nodes.values():
            for tensor in node.data_inputs:
                found[producer_name(tensor)].append((tensor, node))
        return found

    def downstream(self, tensors: Iterable[str], blocked: frozenset[str] = frozenset()) -> frozenset[str]:
        """The nodes that these tensors' data reach, not through blocked nodes."""
        starts = {canonical(tensor) for tensor in tensors}
        todo = deque(n for t in starts for read, n in self.readers[producer_name(t)] if read == t)
        seen: set[str] = set()
        while todo:
            node = todo.popleft()
            if node.name not in seen and node.name not in blocked:
                seen.add(node.name)
                todo.extend(reader for _, reader in self.readers[node.name])
        return frozenset(seen)

    def upstream(self, tensor: str) -> frozenset[str]:
        """The tensors that this one is computed from, itself included."""
        todo, seen = deque([tensor]), {tensor}
        while todo:
            for read in self.graph.producer(todo.popleft()).data_inputs:
                if read not in seen:
                    seen.add(read)
                    todo.append(read)
        return frozenset(seen)

    @cached_property
    def weights(self) -> frozenset[str]:
        """The nodes that hold weights: variables, and constants of two dimensions or more."""
        return frozenset(node.name for node in self.graph.nodes.values() if self._is_weight(node))

    def _is_weight(self, node: Node) -> bool:
        if node.op in VARIABLES or node.name in self._variables:
            return True
        if node.op != "Const" or "value" not in node.attrs:
            return False
        sizes = node.tensor("value").sizes
        return len(sizes) > 1 and math.prod(sizes) > 1

    @cached_property
    def weighted(self) -> frozenset[str]:
        """The nodes that hold weights, and those that weights reach."""
        return self.weights | self.downstream(self.weights)

    @cached_property
    def labels(self) -> frozenset[str]:
        """The fed tensors that are only compared with the model's result: what a loss or an accuracy reads."""
        sources = {source.name for source in find_sources(self.graph)}
        found: set[str] = set()
        for node in self.graph.nodes.values():
            if node.op in COMPARISONS and len(node.data_inputs) > 1:
                first, second = node.data_inputs[:2]
                for side, other in ((first, second), (second, first)):
                    if self._is_weighted(other) and not self._is_weighted(side):
                        found |= (self.upstream(side) & sources) - self.upstream(other)
        return frozenset(found)

    def _is_weighted(self, tensor: str) -> bool:
        return producer_name(tensor) in self.weighted

    @cached_property
    def aside(self) -> Mapping[str, str]:
        """The nodes that only save, train, log or measure -> which of these it is."""
        found = {node.name: use for node in self.graph.nodes.values() if (use := _use_of(node) or self._looks_on(node))}
        found |= dict.fromkeys(self._conditions(), "logs or asserts")
        for use in dict.fromkeys(found.values()):
            starts = [name for name, known in found.items() if known == use]
            found = dict.fromkeys(self._followers(starts), use) | found
        return dict.fromkeys(self.downstream(self.labels), "compares with labels") | found

    def _looks_on(self, node: Node) -> str:
        """The use of a node that prints or checks what others read, where nothing reads it; else ""."""
        if node.op not in ONLOOKERS or self.readers[node.name]:
            return ""
        others = {reader.name for _, reader in self.readers[producer_name(node.data_inputs[0])]} - {node.name}
        return "logs or asserts" if others else ""

    def _conditions(self) -> frozenset[str]:
        """The nodes that serve to compute the conditions of Asserts alone."""
        asserts = {node.name for node in self.graph.nodes.values() if node.op == "Assert"}
        todo = [self.graph.producer(self.graph.nodes[name].data_inputs[0]) for name in asserts]
        found: set[str] = set()
        while todo:
            node = todo.pop()
            if node.op in CONDITIONS and all(reader.name in found | asserts for _, reader in self.readers[node.name]):
                found.add(node.name)
                todo += map(self.graph.producer, node.data_inputs)
        return frozenset(found)

    def _followers(self, names: Iterable[str]) -> frozenset[str]:
        """The nodes that any output of these nodes reaches."""
        return self.downstream(tensor for name in names for tensor, _ in self.readers[name])


def _use_of(node: Node) -> str:
    """What a node does beside inference; "" when nothing."""
    if SAVING.fullmatch(node.op):
        return "saves or restores variables"
    if node.op in LOSSES or TRAINING.fullmatch(node.op) or GRADIENTS.search(node.name):
        return "belongs to training"
    return "logs or asserts" if LOGGING.fullmatch(node.op) else ""
