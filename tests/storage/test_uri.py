"""URIs: what is read, what is refused, and that what is written is read back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.errors import StorageError
from octavo.storage import Uri, join, parse_uri

KEYS = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]))
BUCKETS = st.from_regex(r"[a-z0-9][a-z0-9.-]{1,20}[a-z0-9]", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("s3://models/a/b.pb", Uri("s3", "models", "a/b.pb")),
        ("S3://models/a", Uri("s3", "models", "a")),
        ("minio://models/a", Uri("minio", "models", "a")),
        ("gs://models", Uri("gs", "models", "")),
        ("gs://models/", Uri("gs", "models", "")),
        ("s3://models//a", Uri("s3", "models", "/a")),
        ("s3://models/a%20b?c#d", Uri("s3", "models", "a%20b?c#d")),
        ("/tmp/a%20b", Uri("file", "", "/tmp/a%20b")),
        ("file:///tmp/a%20b", Uri("file", "", "/tmp/a b")),
        ("file:///tmp/a#b?c", Uri("file", "", "/tmp/a#b?c")),
        ("file://localhost/tmp/a", Uri("file", "", "/tmp/a")),
        ("FILE:///tmp/a", Uri("file", "", "/tmp/a")),
        ("data/http://x", Uri("file", "", str(Path("data/http:/x").absolute()))),
        ("C:/models", Uri("file", "", str(Path("C:/models").absolute()))),
        ("~/a", Uri("file", "", str(Path.home() / "a"))),
        ("~nobody-of-that-name/a", Uri("file", "", str(Path("~nobody-of-that-name/a").absolute()))),
    ],
)
def test_reads(text: str, wanted: Uri) -> None:
    assert parse_uri(text) == wanted


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no URI"),
        ("a\0b", "is no URI"),
        ("ftp://host/a", "ftp:// is not supported; wanted a path or one of file://, s3://, minio://, gs://"),
        ("http://host/a", "http:// is not supported"),
        ("s3:/models/a", "'s3:/models/a' has one slash after 's3'; wanted s3://"),
        ("file:/tmp/a", "wanted file://"),
        ("s3:///a", "names no bucket"),
        ("gs://", "names no bucket"),
        ("file://host/a", "wanted file:///absolute/path"),
        ("file://data", "wanted file:///absolute/path"),
        ("file:///a%00b", "null character"),
    ],
)
def test_refuses(text: str, why: str) -> None:
    with pytest.raises(StorageError) as caught:
        parse_uri(text)
    assert why in str(caught.value)


def test_credentials_in_a_uri_are_refused_and_not_repeated() -> None:
    with pytest.raises(StorageError, match="holds credentials") as caught:
        parse_uri("s3://key:secret@models/a")
    assert "secret" not in str(caught.value)


def test_an_at_sign_in_a_key_is_no_credential() -> None:
    assert parse_uri("s3://models/a@b").key == "a@b"


@pytest.mark.parametrize(
    ("folder", "name", "wanted"),
    [
        ("s3://models", "a", "s3://models/a"),
        ("s3://models/", "a", "s3://models/a"),
        ("s3://models/a", "b/c", "s3://models/a/b/c"),
        ("s3://models/a/", "b", "s3://models/a/b"),
        ("file:///tmp/a%20b", "c", "/tmp/a b/c"),
        ("/", "a", "/a"),
    ],
)
def test_joins_a_folder_and_a_name(folder: str, name: str, wanted: str) -> None:
    assert join(folder, name) == wanted


@given(st.text())
def test_any_text_is_refused_or_read_back_from_what_it_is_written_as(text: str) -> None:
    try:
        uri = parse_uri(text)
    except StorageError:
        return
    assert parse_uri(str(uri)) == uri


@given(st.sampled_from(["s3", "minio", "gs"]), BUCKETS, KEYS)
def test_the_key_of_an_object_is_literal(scheme: str, bucket: str, key: str) -> None:
    assert parse_uri(f"{scheme}://{bucket}/{key}") == Uri(scheme, bucket, key)


@given(st.lists(KEYS.filter(lambda part: "/" not in part), min_size=1))
def test_a_file_uri_of_pathlib_names_the_same_file(parts: list[str]) -> None:
    path = Path("/", *parts)
    assert parse_uri(path.as_uri()) == parse_uri(str(path)) == Uri("file", "", str(path))
