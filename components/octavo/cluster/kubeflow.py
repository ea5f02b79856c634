"""The API of Kubeflow Pipelines: where it is, who asks, and its failures as sentences."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

from octavo.away import PASSING, StillAwayError, asked_again
from octavo.errors import ClusterError

OLDEST = (2, 15)
"""The oldest version of Kubeflow Pipelines on which runs work: earlier ones refuse a Secret's entry that is absent."""

PIPELINE = "quantize-int8"
"""The pipeline's name, where the chart's values give it no other."""

TITLES = {PIPELINE: "Quantize to INT8"}
"""What the user interface shows for a pipeline's name; one of another name is shown under that."""

EXPERIMENT = "Runs of {pipeline}: trained FP32 TensorFlow models in, INT8 models out where they are accurate enough."
"""What the user interface says of an experiment that is made here."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the API is, and who asks.

    Attributes:
        host: http(s)://host[:port], with a path where a proxy wants one.
        namespace: the profile's namespace; "" where Kubeflow is not multi-user.
        token_file: a file with a bearer token, read anew for each request; it may be renewed meanwhile.
        cookies: a Cookie header, such as a browser's session.
        wait_seconds: how long to wait for an API that does not answer yet.
    """

    host: str
    namespace: str = ""
    token_file: Path | None = None
    cookies: str | None = field(default=None, repr=False)
    wait_seconds: float = 0.0


def endpoint_options(*, wait_seconds: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator with the flags of an `Endpoint`: host, namespace, token_file, cookies, wait_seconds."""
    options = (
        click.option("--host", help="Address of Kubeflow Pipelines, http(s)://host:port."),
        click.option("--namespace", default="", help="Namespace; in multi-user Kubeflow the profile's."),
        click.option("--token-file", type=click.Path(path_type=Path), help="File with a bearer token."),
        click.option("--cookies", envvar="OCTAVO_KFP_COOKIES", help="Cookie header, e.g. authservice_session=..."),
        click.option(
            "--wait",
            "wait_seconds",
            type=float,
            default=wait_seconds,
            show_default=True,
            help="Seconds to wait.",
        ),
    )

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorated


def connect(endpoint: Endpoint) -> Any:
    """A `kfp.Client` of an API that answers.

    Raises:
        ClusterError: when it does not answer in time, refuses, or the token cannot be read.
    """
    from kfp.client import Client
    from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials

    credentials = None
    if endpoint.token_file is not None:
        _check_token(endpoint.token_file)
        credentials = ServiceAccountTokenVolumeCredentials(str(endpoint.token_file))
    _first_answer(endpoint)
    with warnings.catch_warnings(), quiet():
        warnings.simplefilter("ignore")
        return asked(
            endpoint.host,
            lambda: Client(
                host=endpoint.host,
                namespace=endpoint.namespace or "kubeflow",
                credentials=credentials,
                cookies=endpoint.cookies,
                ssl_ca_cert=os.environ.get("SSL_CERT_FILE"),
            ),
        )


def asked(host: str, question: Callable[[], Answer], *, wait_seconds: float = 30.0) -> Answer:
    """The answer to a question to an API, asked again while the API is away.

    Raises:
        ClusterError: when it stays away for `wait_seconds`, or refuses.
    """
    from kfp_server_api.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    def away(fault: Exception) -> bool:
        return isinstance(fault, ApiException | HTTPError) and getattr(fault, "status", 0) in PASSING

    try:
        return asked_again(question, away, wait_seconds=wait_seconds)
    except StillAwayError as fault:
        raise ClusterError(_absence(host, fault, wait_seconds)) from fault.__cause__
    except (ApiException, HTTPError) as fault:
        raise ClusterError(_refusal(host, fault)) from fault


def fetched(client: Any, path: str) -> str:
    """What the API has under a path that kfp's client knows no method for. Raises as that client does."""
    api = client.runs.api_client
    answer = api.call_api(
        path, "GET", auth_settings=["Bearer"], _preload_content=False, _return_http_data_only=True, _request_timeout=60
    )
    return bytes(answer.data).decode(errors="replace")


def version(host: str, client: Any) -> str:
    """The version that the server says it is; "" when it says none.

    Raises:
        ClusterError: when it is too old, or does not answer.
    """
    said = str(json.loads(asked(host, lambda: fetched(client, "/apis/v2beta1/healthz"))).get("tag_name", ""))
    found = re.match(r"v?(\d+)\.(\d+)", said)
    if found is None:
        return ""
    if (int(found[1]), int(found[2])) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise ClusterError(
            f"the server at {host} is Kubeflow Pipelines {said}; wanted {wanted} or later: update it, or install the "
            "chart in mode argo"
        )
    return said


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the client's hints, which it prints, from the command's own output."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def everything(page: Callable[[str], Any], field_name: str) -> Iterator[Any]:
    """All entries of a list that comes in pages.

    Args:
        page: from a page's token ("" for the first) to the answer.
        field_name: the answer's attribute with the entries.
    """
    token = ""
    while True:
        answer = page(token)
        yield from getattr(answer, field_name) or ()
        token = answer.next_page_token or ""
        if not token:
            return


def pipeline_id(client: Any, name: str, namespace: str) -> str | None:
    """The id of the pipeline of a name, which a user's interface may show under another one; None without one."""
    listed = client.list_pipelines(filter=equals("name", name), namespace=namespace or None)
    return next((str(each.pipeline_id) for each in listed.pipelines or ()), None)


def equals(name: str, value: str) -> str:
    """The filter for entries whose field has a value."""
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": name, "stringValue": value}]})


def _first_answer(endpoint: Endpoint) -> None:
    """Wait for the API: the client itself would try five times, five seconds apart, and print each failure."""
    import kfp_server_api
    from urllib3 import Retry

    settings = kfp_server_api.Configuration(host=endpoint.host.rstrip("/"))
    settings.retries = Retry(0)
    settings.ssl_ca_cert = os.environ.get("SSL_CERT_FILE")
    client = kfp_server_api.ApiClient(settings, cookie=endpoint.cookies)
    if endpoint.token_file is not None:
        client.set_default_header("authorization", f"Bearer {endpoint.token_file.read_text().strip()}")
    health = kfp_server_api.HealthzServiceApi(client)
    asked(
        endpoint.host,
        lambda: health.healthz_service_get_healthz(_request_timeout=(3, 10)),
        wait_seconds=endpoint.wait_seconds,
    )


def _check_token(file: Path) -> None:
    try:
        empty = not file.read_text().strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise ClusterError(f"the token file {str(file)!r} cannot be read: {fault}") from fault
    if empty:
        raise ClusterError(f"the token file {str(file)!r} is empty; wanted a bearer token")


def _refusal(host: str, fault: Exception) -> str:
    status, reason = getattr(fault, "status", 0), _reason(fault)
    if status in (401, 403):
        return (
            f"the API of Kubeflow Pipelines at {host} refuses ({status}): {reason}; give a token of an account that "
            "may use the namespace (--token-file, --namespace), or a browser's session (--cookies)"
        )
    if status == 404:
        return f"there is no API of Kubeflow Pipelines at {host} ({status}): {reason}; wanted its address as --host"
    return f"the API of Kubeflow Pipelines at {host} refuses ({status}): {reason}"


def _absence(host: str, away: StillAwayError, seconds: float) -> str:
    return (
        f"the API of Kubeflow Pipelines at {host} does not answer ({away.tries} tries in {seconds:g} s): "
        f"{_reason(away.__cause__)}; "
        "check the address (--host), a port-forward where there is one, and network policies"
    )


def _reason(fault: BaseException | None) -> str:
    """The API's own words where it sent some."""
    body = getattr(fault, "body", None)
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        document = json.loads(body or "")
        return str(document.get("error_message") or document.get("message") or document["error"])
    return str(getattr(fault, "reason", None) or fault).strip()
