"""Running a shard of a data set through the logged graph, for the ranges of its tensors."""
