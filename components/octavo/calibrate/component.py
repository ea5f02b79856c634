"""The KFP component of calibrate."""

from octavo.component import component


@component
def calibrate(*, turn: dict[str, str]) -> None:
    """Run one shard through the logged graph and leave the min/max log of its ranges in the loop's folder.

    Args:
        turn: One of the turns that plan_calibration made. The graph, and how to read the examples, are in the folder
            that it names.
    """
    from octavo.calibrate.turn import calibrate_turn
    from octavo.data.parts import read_turn

    calibrate_turn(read_turn(turn))
