"""The KFP component of benchmark."""

from kfp import dsl

from octavo.component import component


@component
def benchmark(
    *,
    fp32_graph: dsl.Input[dsl.Model],
    int8_graph: dsl.Input[dsl.Model],
    timings: dsl.Output[dsl.Artifact],
) -> None:
    """Time the FP32 and the INT8 graph in alternation, at batch 1 and 32; where they cannot be timed, say why.

    Args:
        fp32_graph: The optimized FP32 graph.
        int8_graph: The INT8 graph.
        timings: Latency and images a second, as JSON, or the reason for which there are none.
    """
    from pathlib import Path

    from octavo.benchmark.step import time_graphs
    from octavo.graph_folder import graph_folder

    fp32, int8 = graph_folder(fp32_graph.path), graph_folder(int8_graph.path)
    ends = int8.ends()
    time_graphs(fp32.graph, int8.graph, Path(timings.path), inputs=ends.inputs, outputs=ends.outputs)
