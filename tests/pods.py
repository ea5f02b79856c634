"""Pods of steps as Kubernetes gives them back, made by Argo and by Kubeflow."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

RESTRICTED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}

KEY = {"secretKeyRef": {"name": "octavo-object-store", "key": "AWS_ACCESS_KEY_ID", "optional": True}}

RESOURCES = {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "4", "memory": "8Gi"}}

SETTINGS: Document = {"parallelism": 10, "resources": RESOURCES}


def argo_pod() -> Document:
    """The pod of a step in mode argo: with Argo's containers, volumes, variables and labels."""
    main = {
        "name": "main",
        "image": "octavo.test/octavo/octavo:0.1.0",
        "imagePullPolicy": "IfNotPresent",
        "command": ["/var/run/argo/argoexec", "emissary", "--", "octavo", "run-component", "calibrate_in_job"],
        "env": [
            {"name": "AWS_ACCESS_KEY_ID", "valueFrom": KEY},
            {"name": "S3_ENDPOINT", "value": "http://10.88.0.1:8333"},
            {"name": "AWS_CA_BUNDLE", "value": "/etc/octavo/ca/ca.crt"},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "ARGO_TEMPLATE", "value": "{}"},
        ],
        "resources": {"limits": {"memory": "1Gi"}},
        "securityContext": RESTRICTED,
        "volumeMounts": [
            {"name": "out", "mountPath": "/octavo/out"},
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "object-store", "mountPath": "/var/run/octavo/object-store", "readOnly": True},
            {"name": "ca", "mountPath": "/etc/octavo/ca", "readOnly": True},
            {"name": "kubernetes", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True},
            {"name": "var-run-argo", "mountPath": "/var/run/argo"},
            {"name": "input-artifacts", "mountPath": "/octavo/in/graph", "subPath": "graph"},
        ],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "octavo-x7k2p-calibrate-1234",
            "namespace": "vision",
            "uid": "6f1c",
            "labels": {
                "app.kubernetes.io/name": "octavo",
                "app.kubernetes.io/component": "calibrate",
                "helm.sh/chart": "octavo-0.1.0",
                "team": "vision",
                "workflows.argoproj.io/workflow": "octavo-x7k2p",
                "workflows.argoproj.io/completed": "false",
            },
            "annotations": {
                "sidecar.istio.io/inject": "false",
                "workflows.argoproj.io/node-name": "octavo-x7k2p.calibrate(0)",
                "kubectl.kubernetes.io/default-container": "main",
                "cni.projectcalico.org/podIP": "10.0.0.7/32",
            },
        },
        "spec": {
            "initContainers": [{"name": "init", "image": "argoexec"}],
            "containers": [{"name": "wait", "image": "argoexec"}, main],
            "nodeName": "node-7",
            "nodeSelector": {"pool": "calibration"},
            "tolerations": [{"key": "dedicated", "value": "quantization"}],
            "imagePullSecrets": [{"name": "registry"}],
            "priorityClassName": "low",
            "priority": -10,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
            "serviceAccountName": "octavo-jobs",
            "restartPolicy": "Never",
            "volumes": [
                {"name": "out", "emptyDir": {}},
                {"name": "tmp", "emptyDir": {}},
                {"name": "object-store", "secret": {"secretName": "octavo-object-store", "optional": True}},
                {"name": "ca", "secret": {"secretName": "authorities"}},
                {"name": "kubernetes", "projected": {"sources": []}},
                {"name": "exec-sa-token", "secret": {"secretName": "octavo-executor"}},
                {"name": "var-run-argo", "emptyDir": {}},
                {"name": "input-artifacts", "emptyDir": {}},
            ],
        },
    }


def kubeflow_pod() -> Document:
    """The pod of a step on Kubeflow, whose launcher and account's token Kubeflow and Kubernetes have put there."""
    main = {
        "name": "main",
        "image": "octavo.test/octavo/octavo:0.1.0",
        "imagePullPolicy": "IfNotPresent",
        "command": ["/kfp-launcher/launch"],
        "env": [
            {"name": "KFP_POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            {"name": "AWS_ACCESS_KEY_ID", "valueFrom": KEY},
            {"name": "AWS_ROLE_ARN", "value": "arn:aws:iam::1:role/octavo"},
            {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"},
        ],
        "securityContext": {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [
            {"name": "kfp-launcher", "mountPath": "/kfp-launcher"},
            {"name": "octavo-object-store", "mountPath": "/var/run/octavo/object-store"},
            {"name": "kube-api-access-9", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
            {"name": "aws-iam-token", "mountPath": "/var/run/secrets/eks.amazonaws.com/serviceaccount"},
        ],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "quantize-int8-abcde-system-container-impl-1",
            "namespace": "kubeflow",
            "uid": "77",
            "labels": {"pipeline/runid": "r", "pipelines.kubeflow.org/v2_component": "true", "team": "vision"},
        },
        "spec": {
            "containers": [{"name": "wait", "image": "argoexec"}, main],
            "serviceAccountName": "pipeline-runner",
            "volumes": [
                {"name": "kfp-launcher", "emptyDir": {}},
                {"name": "octavo-object-store", "secret": {"secretName": "octavo-object-store", "optional": True}},
                {"name": "kube-api-access-9", "projected": {"sources": []}},
                {"name": "aws-iam-token", "projected": {"sources": []}},
            ],
        },
    }
