"""The cluster's certificate authority, a certificate and a kubeconfig for each of its parts."""

from __future__ import annotations

import base64
import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster.home import ADDRESS, Home

SERVER = f"https://{ADDRESS}:26443"


class Part(NamedTuple):
    """A part of the cluster with a certificate.

    Attributes:
        file: the certificate's name, without its ending.
        user: whom Kubernetes takes it for.
        group: the group that it takes it for.
        names: the addresses and names that it serves.
        kubeconfig: whether it asks the API.
    """

    file: str
    user: str
    group: str = ""
    names: tuple[str, ...] = ()
    kubeconfig: bool = True


SERVICE = "kubernetes.default.svc.cluster.local"

PARTS = (
    Part(
        "apiserver",
        "kube-apiserver",
        names=(
            ADDRESS,
            "10.96.0.1",
            "127.0.0.1",
            "localhost",
            *(SERVICE.rsplit(".", n)[0] for n in range(1, 5)),
            SERVICE,
        ),
        kubeconfig=False,
    ),
    Part("apiserver-client", "kube-apiserver-kubelet-client", "system:masters", kubeconfig=False),
    Part("front-proxy-client", "front-proxy-client", kubeconfig=False),
    Part("kubelet", "system:node:node", "system:nodes", names=(ADDRESS, "node")),
    Part("admin", "admin", "system:masters"),
    Part("controller-manager", "system:kube-controller-manager"),
    Part("scheduler", "system:kube-scheduler"),
    Part("proxy", "system:kube-proxy"),
    Part("dns", "system:coredns"),
)


def make_keys(home: Home) -> None:
    """Make what is missing of certificates, kubeconfigs and the key that signs service accounts' tokens."""
    home.make(home.keys.name)
    authority = _authority(home.keys)
    _signing_key(home.keys)
    for part in PARTS:
        if not (home.keys / f"{part.file}.crt").exists():
            _issue(home.keys, part, *authority)
        if part.kubeconfig:
            _write(home.keys / f"{part.file}.conf", yaml.safe_dump(kubeconfig(home.keys, part.file)).encode())


def kubeconfig(folder: Path, name: str) -> dict[str, object]:
    """The kubeconfig of a part whose certificate is there."""
    data = {
        file: base64.b64encode((folder / file).read_bytes()).decode()
        for file in ("ca.crt", f"{name}.crt", f"{name}.key")
    }
    user = {"client-certificate-data": data[f"{name}.crt"], "client-key-data": data[f"{name}.key"]}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": SERVER, "certificate-authority-data": data["ca.crt"]}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate, key = folder / "ca.crt", folder / "ca.key"
    if not certificate.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        name = _name("cluster-ca")
        basic = x509.BasicConstraints(ca=True, path_length=None)
        signed = _builder(name, name, made).add_extension(basic, critical=True).sign(made, hashes.SHA256())
        _write(key, _private(made))
        _write(certificate, signed.public_bytes(serialization.Encoding.PEM))
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    return x509.load_pem_x509_certificate(certificate.read_bytes()), loaded


def _issue(folder: Path, part: Part, authority: x509.Certificate, signer: ec.EllipticCurvePrivateKey) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
    builder = _builder(_name(part.user, part.group), authority.subject, key).add_extension(usage, critical=False)
    if part.names:
        names = x509.SubjectAlternativeName([_served(name) for name in part.names])
        builder = builder.add_extension(names, critical=False)
    _write(folder / f"{part.file}.key", _private(key))
    _write(folder / f"{part.file}.crt", builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def _signing_key(folder: Path) -> None:
    if (folder / "sa.pub").exists():
        return
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write(folder / "sa.key", _private(key))
    _write(folder / "sa.pub", public)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=3650))
    )


def _name(user: str, group: str = "") -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _served(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _private(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    file.chmod(0o600)
