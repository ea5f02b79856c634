"""The KFP component of calibrate."""

from kfp import dsl

from octavo.component import component


@component
def calibrate(*, graph: dsl.Input[dsl.Model], turn: dict[str, str]) -> None:
    """Run one shard through the logged graph and leave the min/max log of its ranges in the loop's folder.

    Args:
        graph: The dynamic-range graph with logging inserted.
        turn: One of the turns that plan_calibration made; how to read the examples is in the folder that it names.
    """
    from octavo.calibrate.turn import calibrate_turn
    from octavo.graph_folder import graph_folder

    calibrate_turn(graph_folder(graph.path), turn)
