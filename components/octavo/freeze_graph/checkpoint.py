"""The values in a checkpoint, of TensorFlow 1 (V1 and V2 format) or of TensorFlow 2's objects."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from octavo.errors import GraphError
from octavo.graph.tensors import Array
from octavo.tensorflow import first_line, import_tensorflow

OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
OBJECT_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
OPTIMIZER_SLOT = "/.OPTIMIZER_SLOT/"
FILE_ENDING = re.compile(r"\.(index|meta|data-\d+-of-\d+)$")


class Checkpoint:
    """An open checkpoint.

    Args:
        prefix: the checkpoint's path without ".index"; one of its files or its folder will do as well.

    Raises:
        GraphError: when there is no checkpoint, or it is damaged.
    """

    def __init__(self, prefix: str | Path) -> None:
        self.path = FILE_ENDING.sub("", str(Path(prefix).expanduser()))
        tf = import_tensorflow()
        self._errors = (tf.errors.OpError, ValueError, RuntimeError, IndexError)
        try:
            self._reader = tf.train.load_checkpoint(self.path)
            self.shapes: Mapping[str, list[int]] = self._reader.get_variable_to_shape_map()
        except self._errors as fault:
            raise GraphError(f"no checkpoint can be read at {self.path!r}: {first_line(fault)}") from fault

    def read(self, key: str) -> Array:
        """The value under a key.

        Raises:
            GraphError: when the checkpoint's data are damaged or missing.
        """
        try:
            value: Array = self._reader.get_tensor(key)
        except self._errors as fault:
            raise GraphError(f"the checkpoint {self.path!r} cannot give {key!r}: {first_line(fault)}") from fault
        return value

    @cached_property
    def object_keys(self) -> Mapping[str, str]:
        """Variable name -> key, where TensorFlow 2 saved objects and noted their variables' full names."""
        if OBJECT_GRAPH not in self.shapes:
            return {}
        from tensorflow.core.protobuf import trackable_object_graph_pb2

        message = trackable_object_graph_pb2.TrackableObjectGraph()
        message.ParseFromString(np.asarray(self.read(OBJECT_GRAPH)).item())
        saved = (attribute for node in message.nodes for attribute in node.attributes)
        return {a.full_name: a.checkpoint_key for a in saved if a.full_name and a.checkpoint_key in self.shapes}

    def object_key(self, name: str) -> str:
        """The key that TensorFlow 2 saved a variable's value under; the name itself where there is none.

        That is the key whose variable has the name in full, or else the only one whose path of attributes, such as
        model/layer/kernel, is the name or ends in it.
        """
        if name in self.object_keys:
            return self.object_keys[name]
        paths = (key for key in self.shapes if key.endswith(OBJECT_VALUE) and OPTIMIZER_SLOT not in key)
        found = [key for key in paths if f"/{key}".endswith(f"/{name}{OBJECT_VALUE}")]
        return found[0] if len(found) == 1 else name

    def near(self, name: str) -> str:
        """A phrase that lists the keys nearest to a name."""
        keys = [*self.shapes, *self.object_keys]
        found = difflib.get_close_matches(name, keys, n=3, cutoff=0.5)
        return f"near keys: {', '.join(found)}" if found else f"it has {len(self.shapes)} keys, none near"
