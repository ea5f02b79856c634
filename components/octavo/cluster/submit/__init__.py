"""Start a run on Kubeflow Pipelines or Argo Workflows, follow it, and fetch its result."""
