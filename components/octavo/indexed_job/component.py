"""The KFP components of indexed_job: a loop's turns in one Job, in place of the loop."""

from octavo.component import component


@component
def calibrate_in_job(*, parts: str, job: dict[str, object]) -> int:
    """Do all turns of a loop over calibrate, in the pods of one Kubernetes Indexed Job, for merge_min_max_logs.

    Args:
        parts: The loop's folder, as plan_calibration named it.
        job: What the pods have of their own: parallelism, resources, and optionally service_account.

    Returns:
        How many turns were left to be done.
    """
    from octavo.indexed_job.run import run_in_job

    return run_in_job("calibrate", parts, job)


@component
def evaluate_in_job(*, parts: str, job: dict[str, object]) -> int:
    """Do all turns of a loop over evaluate_shard, in the pods of one Kubernetes Indexed Job, for merge_evaluations.

    Args:
        parts: The loop's folder, as plan_evaluation named it.
        job: What the pods have of their own: parallelism, resources, and optionally service_account.

    Returns:
        How many turns were left to be done.
    """
    from octavo.indexed_job.run import run_in_job

    return run_in_job("evaluate", parts, job)
