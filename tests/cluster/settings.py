"""What the cluster's programs read: the settings of the kubelet, containerd, the pods' network and the name server."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from cluster.home import ADDRESS, NETWORK, Home

PAUSE = "octavo.test/pause:1"
"""The image that holds a pod's namespaces open."""

DNS = "10.96.0.10"
SOCKET = Path("/run/containerd/containerd.sock")
STATE = Path("/run/cluster-containerd")
LEASES = Path("/run/cluster-cni")

LEAST_DISK = "0%"
"""No pod is evicted for want of disk: a machine for tests may be nearly full, and no image can be pulled again."""


def write_settings(home: Home) -> None:
    """Write all files that the programs read."""
    home.make("cni", "containerd", "kubelet", "etcd")
    texts = {
        "kubelet.yaml": yaml.safe_dump(kubelet(home)),
        "resolv.conf": f"nameserver {ADDRESS}\n",
        "Corefile": CORE_FILE.replace("HOME", str(home.path)),
        "containerd/config.toml": CONTAINERD.replace("HOME", str(home.path)),
        "cni/10-kb.conflist": json.dumps(CNI),
        "base.yaml": yaml.safe_dump_all(NAME_SERVICE),
    }
    for name, text in texts.items():
        (home.path / name).write_text(text)


def kubelet(home: Home) -> dict[str, object]:
    """The kubelet's, for machines without CAP_SYS_RESOURCE, with swap, with cgroups of either version."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(home.keys / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(home.keys / "kubelet.crt"),
        "tlsPrivateKeyFile": str(home.keys / "kubelet.key"),
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "oomScoreAdj": 0,
        "clusterDomain": "cluster.local",
        "clusterDNS": [DNS],
        "resolvConf": str(home.path / "resolv.conf"),
        "evictionHard": {
            "memory.available": "100Mi",
            **{f"{disk}.{what}": LEAST_DISK for disk in ("nodefs", "imagefs") for what in ("available", "inodesFree")},
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "readOnlyPort": 0,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": 10248,
    }


CORE_FILE = f"""\
.:53 {{
    bind {ADDRESS}
    errors
    ready 127.0.0.1:8181
    cache 5
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig HOME/pki/dns.conf c
        pods insecure
        ttl 5
    }}
    template ANY ANY . {{
        rcode NXDOMAIN
    }}
}}
"""

CONTAINERD = f"""\
version = 2
root = "HOME/containerd/root"
state = "{STATE}"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
    "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "{SOCKET}"
[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "{PAUSE}"
    restrict_oom_score_adj = true
    disable_apparmor = true
    disable_hugetlb_controller = true
    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "/usr/lib/cni"
      conf_dir = "HOME/cni"
    [plugins."io.containerd.grpc.v1.cri".containerd]
      snapshotter = "overlayfs"
      default_runtime_name = "runc"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
        runtime_type = "io.containerd.runc.v2"
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
          SystemdCgroup = false
  [plugins."io.containerd.internal.v1.opt"]
    path = "HOME/containerd/opt"
"""

CNI = {
    "cniVersion": "0.4.0",
    "name": "kb",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "kb0",
            "isGateway": True,
            "ipMasq": False,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "dataDir": str(LEASES),
                "ranges": [
                    [{"subnet": NETWORK, "rangeStart": "10.88.0.10", "rangeEnd": "10.88.0.250", "gateway": ADDRESS}]
                ],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}, "snat": False},
    ],
}

_PORTS: list[dict[str, object]] = [
    {"name": "dns", "port": 53, "protocol": "UDP"},
    {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
]
_RBAC = "rbac.authorization.k8s.io"

NAME_SERVICE: list[dict[str, object]] = [
    {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "system:coredns"},
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["services", "pods", "namespaces", "endpoints"],
                "verbs": ["list", "watch"],
            },
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
        ],
    },
    {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "system:coredns"},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "system:coredns"},
        "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": "system:coredns"}],
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system"},
        "spec": {"clusterIP": DNS, "ports": _PORTS},
    },
    {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "addressType": "IPv4",
        "metadata": {
            "name": "kube-dns-host",
            "namespace": "kube-system",
            "labels": {"kubernetes.io/service-name": "kube-dns"},
        },
        "endpoints": [{"addresses": [ADDRESS]}],
        "ports": _PORTS,
    },
]
"""The name server on the host, as a service of the cluster, and what it may read."""
