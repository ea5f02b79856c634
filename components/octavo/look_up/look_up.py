"""What a run is given, looked at before it works."""

from __future__ import annotations

import logging
import math
import secrets

from octavo.data.dataset import open_dataset
from octavo.data.parts import parts_home
from octavo.data.preprocessing import preprocessing as read_preprocessing
from octavo.errors import SpecError
from octavo.fetch_model.fetch import model_version
from octavo.recipe import Recipe
from octavo.storage import prove_writable

LOG = logging.getLogger(__name__)


def look_up(
    *,
    model_uri: str,
    calibration_uri: str,
    validation_uri: str,
    target_uri: str,
    work_uri: str,
    preprocessing: str,
    recipe: str,
    tolerance: float,
    reuse: bool,
) -> str:
    """Refuse what cannot end well, and tell which content the model has.

    Args:
        model_uri: the model.
        calibration_uri: the examples that ranges are taken from.
        validation_uri: the examples that accuracy is measured on.
        target_uri: the folder to publish to; proved writable.
        work_uri: the folder for what pods hand on, or empty for the one around `target_uri`; proved writable.
        preprocessing: a preset's name, or a preprocessing document.
        recipe: the recipe's text; empty for the default.
        tolerance: points of top-1 that the INT8 model may lose.
        reuse: whether an earlier run's results may stand for this one's.

    Returns:
        The model's version: another text for another content; where nothing is to be reused, one that no other run has.

    Raises:
        OctavoError: on what cannot be used, in one sentence.
    """
    if not 0 <= tolerance < math.inf:
        raise SpecError(f"the parameter tolerance is {tolerance:g}; wanted 0 or more")
    read_preprocessing(preprocessing)
    Recipe.parse(recipe)
    prove_writable(target_uri)
    prove_writable(parts_home(target_uri, work_uri))
    for uri in (calibration_uri, validation_uri):
        open_dataset(uri, most=1)
    version = model_version(model_uri)
    version = version if reuse else f"{version}-{secrets.token_hex(4)}"
    LOG.info("all parameters are well; the model's version is %s", version)
    return version
