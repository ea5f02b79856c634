"""A graph in a TensorFlow session."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from octavo.errors import GraphError
from octavo.graph.graph import Graph
from octavo.graph.names import producer_name
from octavo.graph.proto import to_def
from octavo.graph.tensors import Array
from octavo.runtime.mapped import with_mapped_constants
from octavo.runtime.memory import keep_memory
from octavo.tensorflow import first_line, import_tensorflow

Optimizer = Literal["stock", "once", "fusion", "none"]
"""How TensorFlow's graph optimizer goes over a graph: as in any session, in two passes; in one pass; in one that only
fuses ops; or not at all. Each pass takes quantized constants through text, seconds for tens of megabytes, which a graph
that runs once can do without."""


class GraphSession:
    """A graph loaded into a session of its own; a context manager.

    Several threads may run it at once. Each then has kernels of its own: a oneDNN conv that adds a summand which it may
    not overwrite keeps its copy in the kernel, where another thread's run would find it, or free it.

    Args:
        graph: the graph to load.
        fetches: tensor names ("softmax", "split:1") that `run` returns, in order; the graph's outputs where left out.
        threads: intra-op threads; 0 leaves the choice to TensorFlow.
        mapped: map the large constants of a float graph from files instead of copying them into the session.
        optimizer: what TensorFlow's graph optimizer does, see `Optimizer`.
        in_caller: run ops one after the other in the thread that calls `run`, instead of handing them to others.

    Raises:
        GraphError: when TensorFlow cannot load the graph.
    """

    def __init__(
        self,
        graph: Graph,
        fetches: Sequence[str] | None = None,
        *,
        threads: int = 0,
        mapped: bool = False,
        optimizer: Optimizer = "stock",
        in_caller: bool = False,
    ) -> None:
        keep_memory()
        tf = import_tensorflow()
        wanted = tuple(graph.outputs if fetches is None else fetches)
        self._folder = tempfile.TemporaryDirectory(prefix="octavo-constants-") if mapped else None
        if self._folder:
            graph = with_mapped_constants(graph, Path(self._folder.name))
        loaded = tf.Graph()
        try:
            with loaded.as_default():
                tf.graph_util.import_graph_def(to_def(graph), name="")
            self._fetches = [loaded.get_tensor_by_name(full_name(t)) for t in wanted]
        except (ValueError, KeyError, tf.errors.OpError) as fault:
            if self._folder:
                self._folder.cleanup()
            raise GraphError(f"TensorFlow cannot load the graph: {first_line(fault)}") from fault
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=threads,
            inter_op_parallelism_threads=-1 if in_caller else int(threads > 0),
        )
        rewrites = config.graph_options.rewrite_options
        rewrites.disable_meta_optimizer = optimizer == "none"
        rewrites.meta_optimizer_iterations = 2 if optimizer == "stock" else 1
        rewrites.optimizers.extend(["remap"] if optimizer == "fusion" else [])
        self._session = tf.compat.v1.Session(graph=loaded, config=config)
        self._errors = tf.errors.OpError
        self._idle: list[list[Any]] = [[]]  # for each set of kernels that no thread runs now, what to fetch for it
        self._lock = threading.Lock()

    def run(self, feeds: Mapping[str, Array], fetches: Sequence[Any] | None = None) -> list[Array]:
        """The fetched tensors' values.

        Args:
            feeds: tensor name -> its value.
            fetches: tensors or operations of the session's own graph to fetch instead of all.

        Raises:
            GraphError: when the graph fails to run; the message is the first line of TensorFlow's.
        """
        wanted = self._fetches if fetches is None else list(fetches)
        named = {full_name(name): value for name, value in feeds.items()}
        with self._own_kernels() as besides:
            values: list[Array] = self._caught(lambda: self._session.run([*wanted, *besides], named))
        return values[: len(wanted)]

    @contextmanager
    def _own_kernels(self) -> Iterator[list[Any]]:
        """What to fetch besides, so that no other thread runs the same kernels: TensorFlow has some for each fetch."""
        with self._lock:
            besides = self._idle.pop() if self._idle else [self._nothing()]
        try:
            yield besides
        finally:
            with self._lock:
                self._idle.append(besides)

    def _nothing(self) -> Any:
        """A new op that does nothing."""
        with self._session.graph.as_default():
            return import_tensorflow().no_op(name="octavo/kernels")

    def _caught(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except (self._errors, ValueError, TypeError) as fault:
            raise GraphError(f"the graph fails to run: {first_line(fault)}") from fault

    def close(self) -> None:
        """Free the session."""
        self._session.close()
        if self._folder:
            self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def full_name(tensor: str) -> str:
    """The name TensorFlow's API wants: "a" becomes "a:0"."""
    return tensor if ":" in tensor else f"{tensor}:0"


def placeholder_shape(graph: Graph, tensor: str) -> tuple[int | None, ...] | None:
    """The shape that an input's placeholder declares; None for unknown rank."""
    return graph.nodes[producer_name(tensor)].shape("shape")


def placeholder_dtype(graph: Graph, tensor: str) -> str:
    """The dtype that an input's placeholder declares, e.g. "float32"."""
    node = graph.nodes[producer_name(tensor)]
    if "dtype" not in node.attrs:
        raise GraphError(f"the input {tensor!r} is a {node.op}, wanted a Placeholder")
    return node.dtype("dtype")
