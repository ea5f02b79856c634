"""The KFP component of look_up."""

from octavo.component import component


@component
def look_up(
    *,
    model_uri: str,
    calibration_uri: str,
    validation_uri: str,
    target_uri: str,
    preprocessing: str,
    work_uri: str = "",
    recipe: str = "",
    tolerance: float = 1.0,
    reuse: bool = True,
) -> str:
    """Look at what a run is given before it works: parameters, stores, and which content the model has.

    Args:
        model_uri: The model.
        calibration_uri: Examples that ranges are taken from.
        validation_uri: Examples that accuracy is measured on.
        target_uri: The folder to publish to; proved writable.
        preprocessing: A preset's name, or a preprocessing document.
        work_uri: The folder for what pods hand on; the one around target_uri when empty. Proved writable.
        recipe: The recipe, a YAML or JSON document; empty for the default.
        tolerance: Points of top-1 that the INT8 graph may lose.
        reuse: Whether an earlier run's results may stand for this one's.

    Returns:
        The model's version, which another content does not have.
    """
    from octavo.look_up.look_up import look_up

    return look_up(
        model_uri=model_uri,
        calibration_uri=calibration_uri,
        validation_uri=validation_uri,
        target_uri=target_uri,
        work_uri=work_uri,
        preprocessing=preprocessing,
        recipe=recipe,
        tolerance=tolerance,
        reuse=reuse,
    )
