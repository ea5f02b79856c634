"""The KFP component of fetch_model."""

from kfp import dsl

from octavo.component import component


@component
def fetch_model(*, uri: str, model: dsl.Output[dsl.Model], version: str = "") -> None:
    """Copy a trained model from object storage and record its size and checksum.

    Args:
        uri: A frozen graph, a folder with a graph and its checkpoint, a SavedModel folder, or a Keras file.
        model: The folder of the model: model.json and the files.
        version: Which content it must have, as look_up told; empty for whatever is there.
    """
    from pathlib import Path

    from octavo.fetch_model.fetch import fetch_model_of

    fetch_model_of(uri, Path(model.path), version)
