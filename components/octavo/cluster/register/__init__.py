"""Upload the pipeline to Kubeflow Pipelines and keep its schedules as written."""
