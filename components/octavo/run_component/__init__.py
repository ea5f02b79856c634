"""Run a component's function on local files, as pods of an Argo workflow do."""
