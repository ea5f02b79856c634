from __future__ import annotations

import numpy as np
import pytest

from images import encoded, noise
from octavo.data.pixels import decode, fit, normalise
from octavo.data.preprocessing import PRESETS, Preprocessing
from octavo.errors import DataError
from octavo.tensorflow import import_tensorflow

SQUASH = Preprocessing()
CROP = Preprocessing(resize="crop", crop_fraction=1.0)


def test_a_png_comes_back_as_it_was() -> None:
    assert np.array_equal(decode(encoded(noise()), "a", channels=3), noise())


def test_a_jpeg_is_decoded_as_pillow_does() -> None:
    image = pytest.importorskip("PIL.Image")
    import io

    content = encoded(noise(40, 56), ".jpg")
    assert np.array_equal(decode(content, "a", channels=3), np.asarray(image.open(io.BytesIO(content))))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello", id="text"),
        pytest.param(encoded(noise(64, 64))[:300], id="half a PNG"),
        pytest.param(encoded(noise(64, 64), ".jpg")[:1000], id="half a JPEG"),
        pytest.param(b"\xff\xd8\xff\xe0", id="a JPEG's beginning"),
    ],
)
def test_what_is_no_whole_image_is_named(content: bytes) -> None:
    with pytest.raises(DataError, match=rf"the image 'a\.jpg' \({len(content)} bytes\) cannot be decoded"):
        decode(content, "a.jpg", channels=3)


def test_an_image_of_the_size_is_left_alone_even_by_a_crop() -> None:
    image = import_tensorflow().constant(noise(8, 8))
    assert np.array_equal(fit(image, PRESETS["efficientnet-lite"], (8, 8)), noise(8, 8))


def test_squash_agrees_with_pillow_to_one_step() -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = noise(227, 301)
    found = np.asarray(fit(import_tensorflow().constant(pixels), SQUASH, (64, 48)), np.int16)
    wanted = np.asarray(image.fromarray(pixels).resize((48, 64)), np.int16)
    assert np.abs(found - wanted).max() <= 1


@pytest.mark.parametrize(
    ("shape", "size", "fraction", "part"),
    [
        pytest.param((227, 227), (224, 224), 0.875, (slice(14, 213), slice(14, 213)), id="square"),
        pytest.param((8, 20), (4, 4), 1.0, (slice(0, 8), slice(6, 14)), id="wide"),
        pytest.param((20, 8), (4, 8), 1.0, (slice(8, 12), slice(0, 8)), id="tall, for a wide size"),
        pytest.param((3, 3), (1, 1), 0.01, (slice(1, 2), slice(1, 2)), id="no less than a pixel"),
    ],
)
def test_crop_takes_the_centre_in_the_sizes_proportions(
    shape: tuple[int, int], size: tuple[int, int], fraction: float, part: tuple[slice, slice]
) -> None:
    tf = import_tensorflow()
    pixels = noise(*shape)
    crop = CROP.model_copy(update={"crop_fraction": fraction})
    assert np.array_equal(fit(tf.constant(pixels), crop, size), fit(tf.constant(pixels[part]), SQUASH, size))


def test_numbers_that_are_no_pixels_are_resized_without_rounding() -> None:
    tf = import_tensorflow()
    ramp = np.linspace(0, 1, 8, dtype=np.float32)[:, None, None] * np.ones((8, 8, 1), np.float32)
    found = np.asarray(fit(tf.constant(ramp), SQUASH, (4, 4)))
    assert found.dtype == np.float32
    assert np.unique(found).size > 3


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("raw", lambda x: x),
        ("unit", lambda x: x / 255),
        ("inception", lambda x: x / 127.5 - 1),
        ("mobilenet", lambda x: x / 127.5 - 1),
        ("efficientnet-lite", lambda x: (x - 127) / 128),
        ("caffe", lambda x: x[..., ::-1] - np.array([104, 117, 123])),
        ("torch", lambda x: (x / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])),
    ],
)
def test_presets_give_the_documented_numbers_to_1e_6(name: str, wanted: object) -> None:
    assert callable(wanted)
    images = noise(2, 3)[None]
    found = np.asarray(normalise(import_tensorflow().constant(images), PRESETS[name]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted(images.astype(np.float64)), rtol=1e-6, atol=1e-6)
