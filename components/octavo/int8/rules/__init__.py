"""One lowering a file: what is quantized behind an op, or read by float ops alone, and the kernels in its place.

To add one, write in a file here

    @rule(lambda site, op: ...)                          # the ops that it is for
    def hard_swish(site: Site, name: str, op: Node) -> Lowered:
        data = site.operand(op.data_inputs[0])           # raises a Miss where codes are not what comes in
        return Lowered([..., Node(name, ...)], span)     # the last node has the name of the one that goes

and name it in the file's RULES, before those that are to be tried after it; of a new file, in lowering.RULES as well.
With `floats=True` it is for what float ops read. Where it does not fit, it raises a Miss with the reason. Nothing else
knows the rules: spans, shapes, constants and chains are the Site's, and kernels are made of plain values.
"""
