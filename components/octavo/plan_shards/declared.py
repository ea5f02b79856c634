"""Whether a preprocessing fits a model, told by the model's summary: before the graph is made ready and read."""

from __future__ import annotations

from pathlib import Path

from octavo.data.casts import check_pixels
from octavo.data.inputs import ModelInput, ModelInputs
from octavo.data.preprocessing import preprocessing
from octavo.documents.summary import Summary


def check_declared(summary: Path, name_or_document: str) -> None:
    """Refuse a preprocessing that makes of pixels what an input cannot hold.

    Inputs that the summary does not describe, or only in part, are judged when the graph is read.

    Args:
        summary: what summarize_graph wrote.
        name_or_document: the preprocessing.

    Raises:
        SpecError: when an input cannot hold what the preprocessing makes, or there is no such preprocessing.
        GraphError: when the file is no summary, or the inputs are not settled.
    """
    told = Summary.read(summary)
    found = {each.name: each for each in told.inputs}
    described = [found[name] for name in told.ends().inputs if name in found]
    inputs = [ModelInput(each.name, each.dtype, each.shape) for each in described if each.dtype and each.shape]
    check_pixels(ModelInputs(tuple(inputs)), preprocessing(name_or_document))
