"""What a model holds: its inputs, outputs, variables, ops, parameters and cost, and the names the later steps use."""
