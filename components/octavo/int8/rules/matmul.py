"""A matmul, its bias and an activation are one kernel, which makes codes, or float32 where float ops read it."""

from __future__ import annotations

from octavo.graph.graph import Node
from octavo.int8.chain import MATMULS
from octavo.int8.kernels import filters_of, matmul_kernel, output_span
from octavo.int8.rules.rule import Lowered, rule
from octavo.int8.site import Site
from octavo.int8.spans import Span


def _ends_matmul(site: Site, op: Node) -> bool:
    return site.ends_chain(op, MATMULS)


@rule(_ends_matmul)
def matmul(site: Site, name: str, op: Node) -> Lowered:
    """One kernel that makes codes."""
    return _kernel(site, name, op, output_span(site.chains[op.name].activation, site.spans[name]))


@rule(_ends_matmul, floats=True)
def float_matmul(site: Site, name: str, op: Node) -> Lowered:
    """One kernel that makes float32."""
    return _kernel(site, name, op, None)


RULES = (matmul, float_matmul)


def _kernel(site: Site, name: str, op: Node, span: Span | None) -> Lowered:
    chain = site.chains[op.name]
    filters = filters_of(site.graph, chain.anchor)
    output = None if span is None else site.output(name, span)
    kernel = matmul_kernel(
        name,
        site.operand(chain.anchor.data_inputs[0]),
        filters,
        output,
        activation=chain.activation,
        bias=chain.bias,
        controls=chain.control_inputs,
    )
    return Lowered(kernel, span)
