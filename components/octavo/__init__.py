"""octavo: post-training INT8 quantization of TensorFlow graphs, as Kubeflow Pipelines components."""

__version__ = "0.1.0"
