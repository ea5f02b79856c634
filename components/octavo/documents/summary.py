"""The summary of a model, as a document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, computed_field

from octavo.errors import GraphError
from octavo.notes import counted

Sizes = tuple[int | None, ...]

NAMING = "name those wanted with --outputs (in the pipeline output_names)"
"""How a user says which outputs are wanted."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True)


class Tensor(_Document):
    """A tensor's type. `shape` is None for unknown rank, None inside it for an unknown dimension."""

    dtype: str | None
    shape: Sizes | None
    shape_text: str
    """The shape as the text output shows it; "None" where the node declares no shape."""


class Candidate(_Document):
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


class SignatureTensor(_Document):
    """One input or output of a signature."""

    tensor: str
    dtype: str
    shape: Sizes | None


class Signature(_Document):
    """A way to call a SavedModel: tensors by key."""

    inputs: dict[str, SignatureTensor]
    outputs: dict[str, SignatureTensor]


class Summary(_Document):
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

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def input_names(self) -> tuple[str, ...]:
        """The inputs that the later steps use: those known, or else those that were found.

        Raises:
            GraphError: when no input was found.
        """
        names = self.known_inputs or _taken(self.inputs)
        if not names:
            raise GraphError(f"no input of {self.model!r} was found{_passed_over(self.inputs)}; name it")
        return names

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def output_names(self) -> tuple[str, ...]:
        """The outputs that the later steps use: those known, or else all heads that were found.

        Raises:
            GraphError: when no output was found.
        """
        names = self.known_outputs or _taken(self.outputs)
        if not names:
            raise GraphError(f"no output of {self.model!r} was found{_passed_over(self.outputs)}; name it")
        return names

    def notes(self) -> list[str]:
        """What was chosen for a user who named no outputs, and what was left out; nothing where there is no choice."""
        left: dict[str, list[str]] = {}
        for found in self.outputs:
            if not found.taken:
                left.setdefault(found.reason, []).append(found.name)
        taken = _taken(self.outputs)
        if self.known_outputs or not taken or (len(taken) == 1 and not left):
            return []
        groups = ", ".join(f"{_listed(names, 3)} ({reason})" for reason, names in left.items())
        without = f"; left out: {groups}" if groups else ""
        return [f"outputs taken: {_listed(taken, 8)}{without}; {NAMING}"]

    def line(self) -> str:
        """What the model holds, in one line."""
        parameters = counted(self.const_parameters + self.variable_parameters, "parameter")
        ends = [
            f"{', '.join(map(repr, known or _taken(found))) or 'none found'}"
            for known, found in ((self.known_inputs, self.inputs), (self.known_outputs, self.outputs))
        ]
        return f"the model has {counted(self.nodes, 'node')} and {parameters}; inputs: {ends[0]}; outputs: {ends[1]}"

    def text(self) -> str:
        """The text of TensorFlow's summarize_graph."""
        from octavo.summarize_graph.text import text

        return text(self)

    def document(self) -> dict[str, Any]:
        """The summary for JSON, with its notes; names that are not settled are null, and `unsettled` says why."""
        names = {"input_names", "output_names"}
        made: dict[str, Any] = self.model_dump(mode="json", exclude=names)
        faults = []
        for name in sorted(names):
            try:
                made[name] = list(getattr(self, name))
            except GraphError as fault:
                made[name] = None
                faults.append(str(fault))
        return made | {"unsettled": faults, "notes": self.notes()}


def _passed_over(ends: Sequence[Candidate]) -> str:
    listed = [f"{end.name!r}: {end.reason}" for end in ends[:5]]
    return f" (candidates: {'; '.join(listed)})" if listed else ""


def _taken(ends: Sequence[Candidate]) -> tuple[str, ...]:
    return tuple(end.name for end in ends if end.taken)


def _listed(names: Sequence[str], most: int) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
