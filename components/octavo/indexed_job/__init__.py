"""The turns of a loop as the pods of one Kubernetes Indexed Job, however many they are.

settings.py    what the step is told of the Job
inputs.py      what the pods need, in the store
own_pod.py     the step's own pod, and pods like it
manifest.py    the Job
jobs.py        the Job in the cluster: made, asked for, deleted
reasons.py     why a pod of it failed, or does not start
run.py         the step: one Job, from its beginning to its end
task.py        what the tasks of a pipeline on Kubeflow need besides
shard.py       what each pod does: one turn of the loop
"""
