"""The cluster's certificates and kubeconfigs."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from cluster.home import ADDRESS, Home
from cluster.keys import PARTS, make_keys
from cluster.node import daemons


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("cluster"))
    make_keys(made)
    return made


def certificate(place: Home, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((place.keys / f"{name}.crt").read_bytes())


def test_every_certificate_is_the_authoritys_and_names_its_part(place: Home) -> None:
    authority = certificate(place, "ca")
    for part in PARTS:
        found = certificate(place, part.file)
        found.verify_directly_issued_by(authority)
        subject = {each.rfc4514_attribute_name: each.value for each in found.subject}
        assert subject == {"CN": part.user, **({"O": part.group} if part.group else {})}


def test_the_api_server_is_known_under_every_name_that_pods_and_the_host_call_it_by(place: Home) -> None:
    names = certificate(place, "apiserver").extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert {str(each) for each in names.get_values_for_type(x509.IPAddress)} == {ADDRESS, "10.96.0.1", "127.0.0.1"}
    services = {"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster"}
    found = set(names.get_values_for_type(x509.DNSName))
    assert found == {"localhost", "kubernetes.default.svc.cluster.local", *services}


def test_a_kubeconfig_holds_its_parts_own_certificate(place: Home) -> None:
    config = yaml.safe_load((place.keys / "scheduler.conf").read_text())

    held = base64.b64decode(config["users"][0]["user"]["client-certificate-data"])
    assert held == (place.keys / "scheduler.crt").read_bytes()
    assert config["clusters"][0]["cluster"]["server"] == f"https://{ADDRESS}:26443"


def test_a_second_start_keeps_the_keys(place: Home) -> None:
    before = {file.name: file.read_bytes() for file in place.keys.iterdir()}
    make_keys(place)

    assert {file.name: file.read_bytes() for file in place.keys.iterdir()} == before


def test_nobody_else_may_read_a_key(place: Home) -> None:
    assert {file.stat().st_mode & 0o077 for file in place.keys.iterdir()} == {0}


def test_every_key_file_that_a_program_is_given_is_made(place: Home) -> None:
    words = " ".join(word for daemon in daemons(place) for word in daemon.command)
    files = {Path(name).name for name in re.findall(rf"={place.keys}/(\S+)", words)}

    assert len(files) > 10
    assert files <= {file.name for file in place.keys.iterdir()}
