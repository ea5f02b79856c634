"""Every KFP component: `from octavo import components`, then `components.calibrate(...)` in a pipeline."""

from octavo.benchmark.component import benchmark
from octavo.calibrate.component import calibrate
from octavo.evaluate.component import evaluate, evaluate_shard, merge_evaluations
from octavo.fetch_model.component import fetch_model
from octavo.freeze_graph.component import freeze_graph
from octavo.indexed_job.component import calibrate_in_job, evaluate_in_job
from octavo.look_up.component import look_up
from octavo.merge_min_max_logs.component import merge_min_max_logs
from octavo.plan_shards.component import plan_calibration, plan_evaluation
from octavo.publish_model.component import publish_model
from octavo.quantize_graph.component import quantize_graph
from octavo.report.component import report
from octavo.summarize_graph.component import summarize_graph
from octavo.transform_graph.component import freeze_ranges, fuse, insert_logging, optimize, transform_graph

__all__ = [
    "benchmark",
    "calibrate",
    "calibrate_in_job",
    "evaluate",
    "evaluate_in_job",
    "evaluate_shard",
    "fetch_model",
    "freeze_graph",
    "freeze_ranges",
    "fuse",
    "insert_logging",
    "look_up",
    "merge_evaluations",
    "merge_min_max_logs",
    "optimize",
    "plan_calibration",
    "plan_evaluation",
    "publish_model",
    "quantize_graph",
    "report",
    "summarize_graph",
    "transform_graph",
]
