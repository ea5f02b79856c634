"""What only S3 stores have: keys, regions, ETags, parts, and the many ways to say no."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import logging
import socket
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from minio import Minio

from octavo.errors import StorageError
from octavo.storage import (
    MissingObjectError,
    exists,
    list_objects,
    open_store,
    parse_uri,
    patience,
    read_bytes,
    s3,
    s3_client,
    upload,
)
from octavo.storage.s3_settings import s3_settings
from proxy import CuttingProxy
from servers import StorageServer
from stub import Answer, StubServer

Stub = Callable[..., StubServer]
XML = {"Content-Type": "application/xml"}


def put(uri: str, data: bytes = b"x") -> None:
    store, key = open_store(uri)
    store.write(key, data)


def minio_client(server: StorageServer) -> Minio:
    return Minio(server.endpoint.removeprefix("http://"), "admin", "admin-secret", secure=False)


def refusal(code: str, status: int = 403) -> Answer:
    return Answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode(), XML)


def read_from(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setenv("S3_ENDPOINT", endpoint)
    return read_bytes("s3://bucket/key")


# Credentials


@pytest.mark.servers
@pytest.mark.parametrize("ask", [read_bytes, exists, list_objects, put])
@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong-secret"}, r"\((SignatureDoesNotMatch)\); check AWS_ACCESS_KEY_ID and AWS_"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, r"\(InvalidAccessKeyId\); check AWS_ACCESS_KEY_ID and AWS_"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, r"\(AccessDenied\); no keys were given: set AWS_"),
    ],
    ids=["wrong secret", "unknown key", "no keys"],
)
def test_refused_keys_are_told_by_their_variables(
    s3_place: Callable[[str], str],
    ask: Callable[[str], object],
    variables: dict[str, str],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(s3_place("a"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StorageError, match=why) as caught:
        ask(s3_place("a"))
    told = "".join(traceback.format_exception(caught.value))
    assert "wrong-secret" not in told
    assert "admin-secret" not in told
    assert not isinstance(caught.value, MissingObjectError)


@pytest.mark.servers
def test_a_reader_may_read_and_not_write(s3_place: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    put(s3_place("a"), b"old")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "reader-secret")
    with pytest.raises(StorageError, match=r"\(AccessDenied\); the keys may lack the permission"):
        put(s3_place("a"), b"new")
    assert read_bytes(s3_place("a")) == b"old"


def test_half_a_pair_of_keys_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "one-secret")
    with pytest.raises(StorageError, match="only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") as caught:
        read_bytes("s3://bucket/key")
    assert "one-secret" not in str(caught.value)


def test_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "AWS_ACCESS_KEY_ID": "one-key",
        "AWS_SECRET_ACCESS_KEY": "two-secret",
        "AWS_SESSION_TOKEN": "three-token",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    shown = repr(s3_settings("s3"))
    assert not any(value in shown for value in secrets.values())


@pytest.mark.servers
def test_the_identity_of_a_pod_is_used_when_no_keys_are_set(
    s3_place: Callable[[str], str], stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3_place("a"), b"content")
    expires = datetime.now(UTC) + timedelta(hours=1)
    keys = {"AccessKeyId": "admin", "SecretAccessKey": "admin-secret", "Token": ""}
    agent = stub(Answer(body=json.dumps({**keys, "Expiration": f"{expires:%Y-%m-%dT%H:%M:%SZ}"}).encode()))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{agent.endpoint}/credentials")
    assert read_bytes(s3_place("a")) == b"content"
    assert agent.asked == ["GET /credentials"]


def test_an_identity_that_gives_no_keys_is_told_without_its_token(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "token").write_text("the-web-identity-token")
    sts = stub(Answer(403, b"<Error/>", XML))
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/reader")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.endpoint)
    with pytest.raises(StorageError, match=r"identity \(AWS_WEB_IDENTITY_TOKEN_FILE\) gave no keys") as caught:
        read_from("http://127.0.0.1:9", monkeypatch)
    assert "the-web-identity-token" in sts.asked[0]
    assert "the-web-identity-token" not in "".join(traceback.format_exception(caught.value))
    assert "the-web-identity-token" not in caplog.text


# Keys in a file


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "credentials"
    path.write_text(
        "[default]\naws_access_key_id = admin\naws_secret_access_key = admin-secret\n"
        "[reading]\naws_access_key_id = reader\naws_secret_access_key = reader-secret\naws_session_token = t\n[empty]\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    return path


@pytest.mark.servers
@pytest.mark.usefixtures("key_file")
def test_the_keys_of_a_file_are_used(s3_place: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    put(s3_place("a"), b"x")
    assert read_bytes(s3_place("a")) == b"x"


@pytest.mark.parametrize(
    ("variables", "keys"),
    [
        ({}, ("admin", "admin-secret", None)),
        ({"AWS_PROFILE": "reading"}, ("reader", "reader-secret", "t")),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, ("a", "b", None)),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1"}, (None, None, None)),
    ],
)
@pytest.mark.usefixtures("key_file")
def test_keys_are_looked_for_in_the_environment_first(
    variables: dict[str, str], keys: tuple[str | None, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = s3_settings("s3")
    assert (found.access_key, found.secret_key, found.session_token) == keys


@pytest.mark.parametrize(
    ("text", "variables", "why"),
    [
        ("[default]\n", {}, "the profile 'default' in '.*credentials' has no aws_access_key_id"),
        ("[empty]\n", {"AWS_PROFILE": "empty"}, "the profile 'empty' .*; choose another with AWS_PROFILE"),
        ("aws_secret_access_key = one-secret\n", {}, r"credentials' cannot be read; wanted \[profile\]"),
        (None, {}, "there is no file '.*credentials', which AWS_SHARED_CREDENTIALS_FILE names"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_told_and_not_quoted(
    key_file: Path, text: str | None, variables: dict[str, str], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_file.unlink() if text is None else key_file.write_text(text)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StorageError, match=why) as caught:
        s3_settings("s3")
    assert "one-secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(("style", "asked"), [("path", "/bucket/key"), ("virtual", "/key"), ("", "/bucket/key")])
def test_the_bucket_is_in_the_path_or_in_the_host(
    style: str, asked: str, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = stub(Answer(body=b"x", headers={"ETag": '"e"'}))
    monkeypatch.setenv("S3_ADDRESSING_STYLE", style)
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest: resolve("127.0.0.1", *rest) if host else [])
    assert read_from(server.endpoint.replace("127.0.0.1", "store.test"), monkeypatch) == b"x"
    assert server.asked == [f"GET {asked}"]


def test_an_unknown_style_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ADDRESSING_STYLE", "vhost")
    with pytest.raises(StorageError, match="S3_ADDRESSING_STYLE is 'vhost'; wanted auto, path or virtual"):
        s3_settings("s3")


# What the store answers


@pytest.mark.parametrize(
    ("code", "status", "advice"),
    [
        ("ExpiredToken", 400, "the session token has expired"),
        ("RequestTimeTooSkewed", 403, "clock is wrong"),
        ("AuthorizationHeaderMalformed", 400, "set AWS_REGION"),
        ("SlowDown", 503, "try again later"),
        ("SomethingNew", 400, "see the store's log"),
    ],
)
def test_a_refusal_ends_with_what_to_do(
    code: str, status: int, advice: str, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StorageError, match=rf"refused \({code}\); .*{advice}"):
        read_from(stub(refusal(code, status)).endpoint, monkeypatch)


def test_a_busy_store_is_asked_again(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = stub(refusal("SlowDown", 503), refusal("SlowDown", 503), Answer(body=b"x", headers={"ETag": '"e"'}))
    assert read_from(busy.endpoint, monkeypatch) == b"x"
    assert len(busy.asked) == 3


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>log in</html>", {"Content-Type": "text/html"}),
        Answer(404, b"<html>no such page</html>", {"Content-Type": "text/html"}),
        Answer(403),
    ],
)
@pytest.mark.parametrize("ask", [read_bytes, list_objects])
def test_a_server_that_is_no_s3_store_is_told_from_one(
    ask: Callable[[str], object], answer: Answer, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", stub(answer).endpoint)
    with pytest.raises(StorageError, match=r"gave no S3 answer.*; AWS_ENDPOINT_URL must be the address of an S3 API"):
        ask("s3://bucket/key")


# What arrives


MD5_OF_X = hashlib.md5(b"x").hexdigest()


@pytest.mark.parametrize(
    ("headers", "whole"),
    [
        pytest.param({"ETag": f'"{MD5_OF_X}"'}, True, id="its own MD5"),
        pytest.param({"ETag": f'"{"0" * 32}"'}, False, id="another MD5"),
        pytest.param({"ETag": f'"{"0" * 32}-2"'}, True, id="sent in parts"),
        pytest.param({"ETag": f'"{"0" * 32}"', "x-amz-server-side-encryption": "aws:kms"}, True, id="encrypted by key"),
        pytest.param({"ETag": f'"{"0" * 32}"', "x-amz-server-side-encryption": "AES256"}, False, id="encrypted"),
    ],
)
def test_an_object_is_compared_with_its_etag_where_that_is_an_md5(
    headers: dict[str, str], whole: bool, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = stub(Answer(200, b"x", headers)).endpoint
    if whole:
        assert read_from(endpoint, monkeypatch) == b"x"
        return
    with pytest.raises(StorageError, match="s3://bucket/key arrived damaged"):
        read_from(endpoint, monkeypatch)


@pytest.mark.servers
def test_a_compressed_object_arrives_as_it_is_stored(s3_server: StorageServer, s3_place: Callable[[str], str]) -> None:
    content, place = gzip.compress(b"x" * 1000), parse_uri(s3_place("a.gz"))
    kind = {"Content-Encoding": "gzip"}
    minio_client(s3_server).put_object(place.bucket, place.key, io.BytesIO(content), len(content), metadata=kind)
    assert read_bytes(s3_place("a.gz")) == content


@pytest.mark.servers
def test_a_file_of_several_parts_goes_there_and_back(
    s3_place: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PART_BYTES", 5 << 20)
    content = hashlib.shake_256(b"parts").digest(12 << 20)
    (tmp_path / "in").write_bytes(content)
    upload(tmp_path / "in", s3_place("a"))
    assert read_bytes(s3_place("a")) == content


@pytest.mark.servers
def test_parts_that_break_off_leave_no_object(
    s3_server: StorageServer,
    s3_place: Callable[[str], str],
    cutting_proxy: Callable[[str], CuttingProxy],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(s3, "PART_BYTES", 5 << 20)
    (tmp_path / "in").write_bytes(bytes(12 << 20))
    proxy = cutting_proxy(s3_server.endpoint)
    proxy.to_server, proxy.most_cuts = 4 << 20, s3_client.BROKEN_TRIES
    monkeypatch.setenv("OCTAVO_STORE_RETRY_SECONDS", "0")
    monkeypatch.setenv("S3_ENDPOINT", proxy.endpoint)
    with pytest.raises(StorageError, match="cannot be reached"):
        upload(tmp_path / "in", s3_place("a"))
    assert list_objects(s3_place("")) == []


@pytest.mark.servers
def test_a_page_of_the_report_keeps_its_type(s3_server: StorageServer, s3_place: Callable[[str], str]) -> None:
    place = parse_uri(s3_place("report.html"))
    put(str(place))
    assert minio_client(s3_server).stat_object(place.bucket, place.key).content_type == "text/html"


# Time


@pytest.mark.servers
def test_a_slow_upload_is_no_dead_one(
    s3_server: StorageServer,
    s3_place: Callable[[str], str],
    cutting_proxy: Callable[[str], CuttingProxy],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(s3_client, "CONNECT_SECONDS", 0.4)
    proxy = cutting_proxy(s3_server.endpoint)
    proxy.pause_seconds = 0.005
    monkeypatch.setenv("S3_ENDPOINT", proxy.endpoint)
    start = time.monotonic()
    put(s3_place("a"), bytes(16 << 20))
    assert time.monotonic() - start > 2 * s3_client.CONNECT_SECONDS


def test_a_silent_endpoint_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_client, "STALL_SECONDS", 0.3)
    start = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(StorageError, match="cannot be reached"):
        read_from(f"http://127.0.0.1:{silent.getsockname()[1]}", monkeypatch)
    assert time.monotonic() - start < 3


@pytest.mark.parametrize("one_try", [s3_client.CONNECT_SECONDS, s3_client.STALL_SECONDS])
def test_no_endpoint_holds_a_command_at_a_desk_for_25_seconds(one_try: float) -> None:
    assert one_try + patience.DEFAULT_SECONDS + one_try < 25


# Settings


@pytest.mark.parametrize(
    ("scheme", "variables", "endpoint"),
    [
        ("s3", {}, "https://s3.amazonaws.com"),
        ("s3", {"S3_ENDPOINT": "http://minio:9000"}, "http://minio:9000"),
        ("s3", {"S3_ENDPOINT": "http://minio:9000/"}, "http://minio:9000"),
        ("s3", {"S3_ENDPOINT": " "}, "https://s3.amazonaws.com"),
        ("s3", {"S3_ENDPOINT": "minio:9000"}, "https://minio:9000"),
        ("s3", {"S3_ENDPOINT": "minio:9000", "S3_USE_HTTPS": "0"}, "http://minio:9000"),
        ("s3", {"S3_ENDPOINT": "minio", "S3_USE_HTTPS": "1"}, "https://minio"),
        ("s3", {"S3_ENDPOINT": "http://[::1]:9000"}, "http://[::1]:9000"),
        ("s3", {"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "http://b"}, "http://b"),
        ("s3", {"S3_ENDPOINT": "http://a", "MINIO_ENDPOINT": "http://b"}, "http://a"),
        ("minio", {"S3_ENDPOINT": "http://a", "MINIO_ENDPOINT": "http://b"}, "http://b"),
        ("minio", {"S3_ENDPOINT": "http://a"}, "http://a"),
    ],
)
def test_the_endpoint_comes_from_the_environment(
    scheme: str, variables: dict[str, str], endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert s3_settings(scheme).endpoint == endpoint


@pytest.mark.parametrize(
    "endpoint",
    ["ftp://minio", "http://", "http://minio:9000/path", "http://minio:99999", "http://minio:port", "http://minio?a=b"],
)
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ENDPOINT", endpoint)
    with pytest.raises(StorageError, match=r"S3_ENDPOINT .*wanted http\(s\)://host:port"):
        s3_settings("s3")


def test_credentials_in_an_endpoint_are_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ENDPOINT", "http://key:one-secret@minio:9000")
    with pytest.raises(StorageError, match="S3_ENDPOINT holds credentials") as caught:
        s3_settings("s3")
    assert "one-secret" not in str(caught.value)


def test_minio_needs_an_endpoint() -> None:
    with pytest.raises(StorageError, match="minio:// needs an endpoint; set MINIO_ENDPOINT or S3_ENDPOINT"):
        read_bytes("minio://bucket/key")


@pytest.mark.parametrize(
    ("variables", "region"),
    [
        ({}, None),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-west-2"}, "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "us-west-2"}, "us-west-2"),
        ({"S3_ENDPOINT": "http://minio:9000"}, "us-east-1"),
        ({"S3_ENDPOINT": "http://minio:9000", "AWS_REGION": "garage"}, "garage"),
        ({"S3_ENDPOINT": "https://s3.eu-west-1.amazonaws.com"}, None),
    ],
)
def test_the_region_comes_from_the_environment(
    variables: dict[str, str], region: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert s3_settings("s3").region == region


def test_a_region_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "no region")
    with pytest.raises(StorageError, match="invalid region no region"):
        read_bytes("s3://bucket/key")


@pytest.mark.parametrize("uri", ["s3://Not_a_bucket!/key", "s3://bucket/a/../b"])
def test_names_that_s3_forbids_are_refused_before_asking(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match=r"cannot be asked: (invalid bucket name|object name)"):
        read_bytes(uri)
