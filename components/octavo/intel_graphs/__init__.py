"""Graphs that Intel's tools wrote: their int32 kernels, their frozen ranges, what stock TensorFlow runs of them."""
