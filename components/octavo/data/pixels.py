"""From a file's bytes to a graph's input, in TensorFlow ops."""

from __future__ import annotations

import threading
from typing import Any

from octavo.data.preprocessing import Preprocessing
from octavo.errors import DataError
from octavo.tensorflow import import_tensorflow

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
    """Bring images [..., height, width, channels] to a size; where they have it already they are left as they are."""
    tf = import_tensorflow()

    def resized() -> Any:
        cropped = _centre(image, size, preprocessing.crop_fraction) if preprocessing.resize == "crop" else image
        return _resize(cropped, size, preprocessing.interpolation)

    fitting = tf.reduce_all(tf.equal(tf.shape(image)[-3:-1], size))
    fitted = tf.cond(fitting, lambda: image, resized)
    fitted.set_shape([*image.shape[:-3], *size, image.shape[-1]])
    return fitted


class Fit:
    """`fit`, compiled by TensorFlow once for each size, type and rank; several threads may call it.

    Args:
        preprocessing: how.
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        self._preprocessing = preprocessing
        self._compiled: dict[Any, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, image: Any, size: tuple[int, int]) -> Any:
        """The image or images in that size."""
        tf = import_tensorflow()
        image = tf.convert_to_tensor(image)
        kind = (size, image.dtype, image.shape.rank, image.shape[-1])
        with self._lock:
            if kind not in self._compiled:
                shape = [None] * (image.shape.rank - 1) + [image.shape[-1]]
                self._compiled[kind] = tf.function(
                    lambda pixels: fit(pixels, self._preprocessing, size),
                    input_signature=[tf.TensorSpec(shape, image.dtype)],
                    autograph=False,
                ).get_concrete_function()
        return self._compiled[kind](image)


def normalise(images: Any, preprocessing: Preprocessing) -> Any:
    """The model's numbers, float32, of a batch of pixels [images, height, width, channels].

    Channel order first, then (x / scale - mean) / std, then the layout.
    """
    tf = import_tensorflow()
    pixels = tf.cast(images, tf.float32)
    if preprocessing.channels == "BGR":
        pixels = pixels[..., ::-1]
    numbers = (pixels / preprocessing.scale - tf.constant(preprocessing.mean)) / tf.constant(preprocessing.std)
    return tf.transpose(numbers, [0, 3, 1, 2]) if preprocessing.layout == "NCHW" else numbers


def _centre(image: Any, size: tuple[int, int], fraction: float) -> Any:
    """The largest centred part with the proportions of `size`, times `fraction`."""
    tf = import_tensorflow()
    shape = tf.shape(image)[-3:-1]
    wanted = tf.constant(size, tf.float32)
    scale = tf.reduce_min(tf.cast(shape, tf.float32) / wanted) * fraction
    part = tf.clip_by_value(tf.cast(tf.floor(wanted * scale + 0.5), tf.int32), 1, shape)
    start = (shape - part) // 2
    return image[..., start[0] : start[0] + part[0], start[1] : start[1] + part[1], :]


def _resize(image: Any, size: tuple[int, int], interpolation: str) -> Any:
    """Resize as Pillow does: antialiased, first across, then down, each rounded to 8 bits; or take nearest pixels."""
    tf = import_tensorflow()
    dtype = image.dtype
    if interpolation == "nearest":
        return tf.image.resize(image, size, method="nearest")
    for shape in ((tf.shape(image)[-3], size[1]), size):
        image = tf.image.resize(image, shape, method=interpolation, antialias=True)
        if dtype == tf.uint8:
            image = tf.clip_by_value(tf.floor(image + 0.5), 0, 255)
    return tf.cast(image, dtype)
