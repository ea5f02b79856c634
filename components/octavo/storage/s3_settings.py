"""Where the S3 store is and who asks: read from octavo's settings and the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from octavo.errors import StorageError
from octavo.storage.s3_keys import Keys, keys_of_file
from octavo.storage.settings import own_setting, setting

ENDPOINTS = {
    "s3": ("S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "MINIO_ENDPOINT"),
    "minio": ("MINIO_ENDPOINT", "S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
}
"""The variables that may name the endpoint of a scheme; the first one that is set counts."""

IDENTITY = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)
"""The variables by which a cluster gives a pod an identity of its own, used when no keys are set."""

AMAZON = "https://s3.amazonaws.com"
"""The endpoint of s3:// when no variable names one."""


@dataclass(frozen=True, slots=True)
class S3Settings:
    """What a client is made of; its text shows no secret.

    Attributes:
        endpoint: http(s)://host[:port].
        endpoint_variable: the variable that named it, or that would.
        region: None lets the client ask the store.
        access_key: None means that the pod's identity asks, or nobody.
        identity: what each of the `IDENTITY` variables says.
        style: "path" has the bucket in the URL's path, "virtual" in its host; None leaves it to the client (virtual for
            Amazon, path for others).
        ca_bundle: a file of certificates to trust in place of the public ones.
    """

    endpoint: str
    endpoint_variable: str
    region: str | None
    access_key: str | None = field(repr=False)
    secret_key: str | None = field(repr=False)
    session_token: str | None = field(repr=False)
    identity: tuple[str | None, ...]
    style: str | None = None
    ca_bundle: str | None = None

    @property
    def where(self) -> str:
        """The store, as sentences name it."""
        return f"the store at {self.endpoint}"

    @property
    def anonymous(self) -> bool:
        """Whether nobody's keys are sent."""
        return self.access_key is None and not any(self.identity)


def s3_settings(scheme: str) -> S3Settings:
    """The settings of `s3` or `minio` in the environment as it is now.

    Raises:
        StorageError: on an endpoint that is no URL of a host, minio:// without one, or half a pair of keys.
    """
    variable, endpoint = _endpoint(scheme)
    identity = tuple(os.environ.get(name, "").strip() or None for name in IDENTITY)
    keys = _told_keys()
    if keys.access is None and not any(identity):
        keys = keys_of_file()
    region = setting("AWS_REGION") or setting("AWS_DEFAULT_REGION")
    if region is None and "amazonaws.com" not in endpoint:
        region = "us-east-1"  # what other stores expect; Amazon is asked where the bucket is
    ca_bundle = setting("AWS_CA_BUNDLE") or setting("SSL_CERT_FILE")
    if ca_bundle is not None and not Path(ca_bundle).is_file():
        raise StorageError(f"there is no file of certificates {ca_bundle!r}; correct AWS_CA_BUNDLE or SSL_CERT_FILE")
    return S3Settings(endpoint, variable, region, keys.access, keys.secret, keys.token, identity, _style(), ca_bundle)


def _told_keys() -> Keys:
    """The keys that are octavo's own, or else the environment's: never one of each."""
    for told in (own_setting, setting):
        access, secret = told("AWS_ACCESS_KEY_ID"), told("AWS_SECRET_ACCESS_KEY")
        if access is None and secret is None:
            continue
        if access is None or secret is None:
            raise StorageError(
                "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set; set both, or neither for public "
                "objects"
            )
        return Keys(access, secret, told("AWS_SESSION_TOKEN"))
    return Keys()


def _style() -> str | None:
    style = (setting("S3_ADDRESSING_STYLE") or "auto").lower()
    if style not in ("auto", "path", "virtual"):
        raise StorageError(f"S3_ADDRESSING_STYLE is {style!r}; wanted auto, path or virtual")
    return None if style == "auto" else style


def _endpoint(scheme: str) -> tuple[str, str]:
    """The variable that names the endpoint, and the endpoint."""
    for name in ENDPOINTS[scheme]:
        if (text := setting(name)) is not None:
            return name, _checked(name, text)
    if scheme == "minio":
        raise StorageError("minio:// needs an endpoint; set MINIO_ENDPOINT or S3_ENDPOINT to http(s)://host:port")
    return ENDPOINTS[scheme][0], AMAZON


def _checked(name: str, text: str) -> str:
    """The endpoint as http(s)://host[:port]; without a scheme it is https, unless S3_USE_HTTPS says no."""
    if "://" not in text:
        plain = (setting("S3_USE_HTTPS") or "1").lower() in ("0", "false", "no")
        text = f"{'http' if plain else 'https'}://{text}"
    url = urlsplit(text)
    if url.username is not None or url.password is not None:
        raise StorageError(
            f"{name} holds credentials; wanted http(s)://host:port, with the keys in their own variables"
        )
    if url.scheme not in ("http", "https") or not url.hostname or url.path not in ("", "/") or url.query:
        raise StorageError(f"{name} is {text!r}; wanted http(s)://host:port")
    return f"{url.scheme}://{_host(name, url)}"


def _host(name: str, url: SplitResult) -> str:
    try:
        return url.netloc if url.port is None or url.port > 0 else ""
    except ValueError as fault:
        raise StorageError(f"{name} has the port of no server: {url.netloc!r}; wanted http(s)://host:port") from fault
