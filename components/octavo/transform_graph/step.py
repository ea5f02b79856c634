"""What the steps of the chain do to a graph, from one folder to the next."""

from __future__ import annotations

from collections.abc import Sequence

from octavo.graph_folder import GraphFolder
from octavo.recipe import Recipe
from octavo.transform_graph import stages
from octavo.transform_graph.language import Step
from octavo.transform_graph.transform import transform_file
from octavo.transform_graph.verdicts import settle


def apply_transforms(source: GraphFolder, made: GraphFolder, transforms: str | Sequence[Step]) -> None:
    """Apply a transform list, and settle the verdicts beside the graph. Raises OctavoError as `transform_file` does."""
    ends = source.ends()
    outcome = transform_file(source.graph, made.graph, transforms, inputs=ends.inputs, outputs=ends.outputs)
    if made.decisions.exists():
        settle(made.decisions, outcome)


def optimize_graph(source: GraphFolder, made: GraphFolder) -> None:
    """Make a frozen graph ready to be quantized."""
    apply_transforms(source, made, stages.OPTIMIZE)


def log_ranges(source: GraphFolder, made: GraphFolder) -> None:
    """Make the graph that calibration runs."""
    apply_transforms(source, made, stages.INSERT_LOGGING)


def freeze_log(source: GraphFolder, made: GraphFolder, log: str, recipe: str) -> None:
    """Make constants of a log's ranges, as the recipe has them taken."""
    apply_transforms(source, made, stages.freeze_ranges(log, Recipe.parse(recipe)))


def fuse_kernels(source: GraphFolder, made: GraphFolder, recipe: str) -> None:
    """Lower a graph with frozen ranges to INT8 kernels."""
    apply_transforms(source, made, stages.fuse(Recipe.parse(recipe)))
