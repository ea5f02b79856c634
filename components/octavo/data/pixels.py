"""From a file's bytes to a graph's input, in TensorFlow ops."""

from __future__ import annotations

from typing import Any

from octavo.data.preprocessing import Preprocessing
from octavo.errors import DataError
from octavo.runtime.tensorflow import import_tensorflow

JPEG = b"\xff\xd8\xff"
"""How a JPEG file begins."""


def decode(content: bytes, name: str, *, channels: int) -> Any:
    """Decode an image file: uint8 [height, width, channels]. Of an animation, the first frame.

    Raises:
        DataError: when it is no image, or a damaged one; the message names it.
    """
    tf = import_tensorflow()
    try:
        if content.startswith(JPEG):
            # The exact inverse transform, as Pillow and OpenCV have it; TensorFlow's own default is the coarser one.
            return tf.io.decode_jpeg(content, channels=channels, dct_method="INTEGER_ACCURATE")
        return tf.io.decode_image(content, channels=channels, expand_animations=False)
    except (tf.errors.OpError, ValueError) as fault:
        raise DataError(
            f"the image {name!r} ({len(content)} bytes) cannot be decoded; wanted a whole JPEG, PNG, GIF or BMP file"
        ) from fault


def fit(image: Any, preprocessing: Preprocessing, size: tuple[int, int]) -> Any:
    """Bring one image [height, width, channels] to a size; one that has it already is left as it is."""
    tf = import_tensorflow()

    def resized() -> Any:
        cropped = _centre(image, size, preprocessing.crop_fraction) if preprocessing.resize == "crop" else image
        return _resize(cropped, size)

    fitting = tf.reduce_all(tf.equal(tf.shape(image)[:2], size))
    fitted = tf.cond(fitting, lambda: image, resized)
    fitted.set_shape([*size, image.shape[-1]])
    return fitted


def normalise(images: Any, preprocessing: Preprocessing) -> Any:
    """The model's numbers, float32, of a batch of pixels: channel order first, then (x / scale - mean) / std."""
    tf = import_tensorflow()
    pixels = tf.cast(images, tf.float32)
    if preprocessing.channels == "BGR":
        pixels = pixels[..., ::-1]
    return (pixels / preprocessing.scale - tf.constant(preprocessing.mean)) / tf.constant(preprocessing.std)


def _centre(image: Any, size: tuple[int, int], fraction: float) -> Any:
    """The largest centred part with the proportions of `size`, times `fraction`."""
    tf = import_tensorflow()
    shape = tf.shape(image)[:2]
    wanted = tf.constant(size, tf.float32)
    scale = tf.reduce_min(tf.cast(shape, tf.float32) / wanted) * fraction
    part = tf.clip_by_value(tf.cast(tf.floor(wanted * scale + 0.5), tf.int32), 1, shape)
    start = (shape - part) // 2
    return image[start[0] : start[0] + part[0], start[1] : start[1] + part[1]]


def _resize(image: Any, size: tuple[int, int]) -> Any:
    """Resize as Pillow does by default: bicubic, antialiased, first across, then down, each rounded to 8 bits."""
    tf = import_tensorflow()
    dtype = image.dtype
    for shape in ((tf.shape(image)[0], size[1]), size):
        image = tf.image.resize(image, shape, method="bicubic", antialias=True)
        if dtype == tf.uint8:
            image = tf.clip_by_value(tf.floor(image + 0.5), 0, 255)
    return tf.cast(image, dtype)
