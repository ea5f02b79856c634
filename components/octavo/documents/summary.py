"""The summary of a model, as a document."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from octavo.documents.document import Document, Part
from octavo.errors import GraphError
from octavo.reading import read_document

Sizes = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Ends:
    """The names of a graph's inputs and outputs.

    Args:
        inputs: the tensors to feed.
        outputs: the tensors to fetch.
        notes: what the summary says of how they were found, for the user.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...] = ()


class Tensor(Part):
    """A tensor's type. `shape` is None for unknown rank, None inside it for an unknown dimension."""

    dtype: str | None
    shape: Sizes | None
    shape_text: str
    """The shape as the text output shows it; "None" where the node declares no shape."""


class Candidate(Part):
    """A possible input or output.

    Attributes:
        name: the tensor.
        op: the op that makes it.
        likely: whether a caller most likely feeds or fetches it.
        taken: whether the later steps use it where no names are given.
        reason: why, or why not.
    """

    name: str
    op: str
    likely: bool
    taken: bool
    reason: str


class Input(Candidate, Tensor):
    """A tensor that could be fed."""


class Output(Candidate):
    """A node that could be fetched."""

    unread: bool
    """Whether no node reads it."""


class Variable(Tensor):
    """A variable of the graph."""

    name: str
    op: str


class SignatureTensor(Part):
    """One input or output of a signature."""

    tensor: str
    dtype: str
    shape: Sizes | None


class Signature(Part):
    """A way to call a SavedModel: tensors by key."""

    inputs: dict[str, SignatureTensor]
    outputs: dict[str, SignatureTensor]


class Summary(Document):
    """What a model holds."""

    model: str
    """The path as it was given."""
    kind: str
    nodes: int
    functions: int
    inputs: tuple[Input, ...]
    variables: tuple[Variable, ...]
    outputs: tuple[Output, ...]
    const_parameters: int
    variable_parameters: int
    parameter_bytes: dict[str, int]
    """Op type that reads the parameters -> their bytes; most first."""
    flops: dict[str, int]
    """Op type -> floating point operations for a batch of one, most first; ops that TensorFlow cannot count are left
    out."""
    control_edges: int
    devices: dict[str, int]
    ops: dict[str, int]
    """Op type -> nodes, function bodies included; most first, then by name."""
    signatures: dict[str, Signature]
    signature: str | None
    """The signature that the inputs and outputs are of."""

    known_inputs: tuple[str, ...]
    """The inputs that were given, or are the signature's; empty where they had to be found."""
    known_outputs: tuple[str, ...]
    """The outputs that were given, or are the signature's; empty where they had to be found."""
    input_names: tuple[str, ...] | None
    """The inputs that the later steps use: those known, or else those that were found; None for none."""
    output_names: tuple[str, ...] | None
    """The outputs that the later steps use: those known, or else all heads that were found; None for none."""
    unsettled: tuple[str, ...]
    """Why there are no input_names or output_names, a sentence each."""
    notes: tuple[str, ...]
    """What was chosen for a user who named no outputs, and what was left out."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what summarize_graph wrote. Raises GraphError when the file cannot be read or holds something else."""
        sentence = "{path!r} is no summary of a model: {why}; wanted summarize_graph's"
        return read_document(path, cls, GraphError, unread=sentence, wrong=sentence)

    def ends(self) -> Ends:
        """What the later steps feed and fetch.

        Raises:
            GraphError: when an input or an output was not found.
        """
        if self.unsettled:
            raise GraphError("; ".join(self.unsettled))
        return Ends(self.input_names or (), self.output_names or (), self.notes)
