"""What becomes of an op between codes, one kind of op a file.

Adding a lowering is adding to a file here, and to its test:

    @rule(reads_codes("ReverseV2"))                        # or any test of the Site and the op
    def reversed_codes(site: Site, name: str, op: Node) -> Lowered:
        data = site.operand(op.data_inputs[0])             # raises a Miss where no codes come in
        return Lowered([..., Node(name, ...)], data.span)  # the last node is called `name`

and naming it in the file's RULES, before what is to be tried after it; lowering.RULES names the files. A rule raises a
Miss where it does not fit. It takes the place of a QuantizeV2 behind the op, whose range `site.spans[name]` is, or,
with `floats=True`, of the op itself where float ops read it. Kernels are made of plain values (`kernels`, `ops`).
An op that is added to POOLS or to the MOVERS is one that the planner quantizes, too.
"""
