"""`octavo doctor`: checks before the first run, each with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from octavo.cluster.doctor.finding import Finding, found
from octavo.cluster.kubeflow import OLDEST, Endpoint, asked, connect, endpoint_options, pipeline_id, version
from octavo.errors import ClusterError
from octavo.options import COMMA_LIST


@click.command("doctor")
@click.option("--machine", is_flag=True, help="Check the processor, TensorFlow and memory here.")
@click.option("--store", "stores", multiple=True, help="Write, read, list and delete an object under this URI.")
@endpoint_options(wait_seconds=5)
@click.option("--pipeline", default="", help="A pipeline that Kubeflow should have.")
@click.option("--argo-template", help="A WorkflowTemplate that should be installed.")
@click.option("--cluster", is_flag=True, help="Check the namespace's Secret and quota, and the nodes.")
@click.option("--secret", default="octavo-object-store", show_default=True, help="The Secret with the store's keys.")
@click.option("--node-selector", default="", help="Labels of the nodes that steps go to, as for kubectl -l.")
@click.option("--image", help="An image that a pod of the namespace should be able to run; makes such a pod.")
@click.option("--pull-secrets", type=COMMA_LIST, default="", help="Secrets with the registry's credentials.")
def command(**options: Any) -> None:
    """Check what a first run needs, and say of each finding what to do.

    Without flags it checks this machine. The exit status is 2 when something failed.
    """
    asked_for = ("stores", "host", "argo_template", "cluster", "image")
    if not any(options[name] for name in asked_for):
        options["machine"] = True
    failed = 0
    for finding in _findings(options):
        click.echo(finding.line())
        failed += finding.verdict == "failed"
    if failed:
        raise ClusterError(f"{failed} of the checks failed; see the lines above")


def _findings(options: dict[str, Any]) -> Iterator[Finding]:
    """The findings, one after the other as they are made."""
    from octavo.cluster.doctor import local

    if options["machine"]:
        yield from local.machine()
    for uri in options["stores"]:
        yield local.store(uri)
    if options["host"]:
        yield found(f"Kubeflow Pipelines at {options['host']}", lambda: _kubeflow(options))
    if options["argo_template"] or options["cluster"] or options["image"]:
        yield from _namespace(options)


def _namespace(options: dict[str, Any]) -> Iterator[Finding]:
    from octavo.cluster.doctor import namespace as checks
    from octavo.cluster.kubernetes import kubernetes_client

    try:
        client = kubernetes_client()
    except ClusterError as fault:
        yield Finding("failed", "Kubernetes", str(fault))
        return
    namespace = options["namespace"] or "default"
    if options["argo_template"]:
        yield checks.workflow_template(client, namespace, options["argo_template"])
    if options["cluster"]:
        yield checks.secret(client, namespace, options["secret"])
        yield checks.quota(client, namespace)
        yield checks.nodes(client, options["node_selector"])
    if options["image"]:
        yield checks.image(client, namespace, options["image"], options["pull_secrets"])


def _kubeflow(options: dict[str, Any]) -> str:
    names = ("host", "namespace", "token_file", "cookies", "wait_seconds")
    client = connect(Endpoint(**{name: options[name] for name in names}))
    host = options["host"]
    several = "multi-user" if asked(host, client.get_kfp_healthz).multi_user else "single-user"
    said = version(host, client) or f"no version is told, wanted {'.'.join(map(str, OLDEST))} or later"
    answers = f"answers, {said}, {several}"
    if not options["pipeline"]:
        return answers
    if asked(host, lambda: pipeline_id(client, options["pipeline"], options["namespace"])) is None:
        raise ClusterError(f"answers, but has no pipeline {options['pipeline']!r}; install the chart, or upload it")
    return f"{answers}, and has the pipeline {options['pipeline']}"
