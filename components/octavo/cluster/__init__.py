"""Kubeflow and Argo from the outside: registering the pipeline, starting and following runs, checking a cluster."""
