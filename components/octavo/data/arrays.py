"""Images in the array `x` of an .npz file, read row by row so that memory does not grow with the file."""

from __future__ import annotations

import shutil
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from octavo.data.dataset import Labels
from octavo.errors import DataError
from octavo.graph.tensors import Array
from octavo.runtime.tensorflow import import_tensorflow
from octavo.storage import download, parse_uri

WANTED = "wanted x of images [images, height, width(, channels)] and, for labels, y [images]"


@dataclass(frozen=True)
class Images:
    """The array `x` of a local .npz file.

    Args:
        path: the file.
        shape: images, height, width, channels.
        dtype: as stored: an unsigned or signed integer, or a float.
    """

    path: Path
    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]

    def rows(self, start: int, stop: int) -> Iterator[Array]:
        """The images from `start` up to `stop`: [height, width, channels], uint8 as they are, others as float32."""
        size = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        kept = np.uint8 if self.dtype == np.uint8 else np.float32
        with _member(self.path, "x") as file:
            _read_header(file)
            file.seek(file.tell() + start * size)
            for _ in range(start, stop):
                row = np.frombuffer(_read_all(file, size), self.dtype)
                yield row.reshape(self.shape[1:]).astype(kept)


@dataclass(eq=False)
class ArrayDataset:
    """The images and labels of an .npz file.

    Args:
        uri: the file.
        images: `x`.
        labels: `y` as int64 [images], or None.
    """

    uri: str
    images: Images
    labels: Labels | None

    def __len__(self) -> int:
        return self.images.shape[0]

    def source(self, start: int, stop: int, channels: int) -> ArrayRows:
        """The images, which must have that many channels."""
        if self.images.shape[3] != channels:
            raise DataError(f"the images of {self.uri!r} have {self.images.shape[3]} channels; {channels} are wanted")
        return ArrayRows(self.uri, self.images, start, stop)


class ArrayRows:
    """Some rows of `x`."""

    def __init__(self, uri: str, images: Images, start: int, stop: int) -> None:
        self._uri = uri
        self._images = images
        self._span = (start, stop)
        self._fault: DataError | None = None

    def elements(self) -> Any:
        """The rows in order: uint8 or float32 [height, width, channels]."""
        tf = import_tensorflow()
        dtype = tf.uint8 if self._images.dtype == np.uint8 else tf.float32
        signature = tf.TensorSpec(self._images.shape[1:], dtype)
        return tf.data.Dataset.from_generator(self._rows, output_signature=signature)

    def fault(self) -> DataError | None:
        """Why reading ended early."""
        return self._fault

    def _rows(self) -> Iterator[Array]:
        try:
            with _explained(self._uri):
                yield from self._images.rows(*self._span)
        except DataError as fault:
            self._fault = fault
            raise


def open_arrays(uri: str) -> ArrayDataset:
    """Open an .npz file; one in object storage is copied to a local file, removed with the data set.

    Raises:
        DataError: when the file is not .npz, `x` does not hold images, or `y` not one label for each.
    """
    path, folder = _local(uri)
    dataset = None
    try:
        with _explained(uri):
            images = _images(path)
            dataset = ArrayDataset(uri, images, _labels(path, images.shape[0]))
    finally:
        if folder is not None and dataset is None:
            shutil.rmtree(folder)
    if folder is not None:
        weakref.finalize(dataset, shutil.rmtree, folder, ignore_errors=True)
    return dataset


def _local(uri: str) -> tuple[Path, str | None]:
    """The local file of a URI, and the temporary folder that holds it where it is a copy."""
    place = parse_uri(uri)
    if place.scheme == "file":
        return Path(place.key), None
    folder = tempfile.mkdtemp(prefix="octavo-data-")
    try:
        download(uri, Path(folder) / "data.npz")
    except BaseException:
        shutil.rmtree(folder)
        raise
    return Path(folder) / "data.npz", folder


@contextmanager
def _explained(uri: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as fault:
        raise DataError(f"there is no file {uri!r}; check the path") from fault
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as fault:
        raise DataError(f"{uri!r} cannot be read as .npz: {fault}; {WANTED}") from fault


def _images(path: Path) -> Images:
    with _member(path, "x") as file:
        shape, dtype = _read_header(file)
    if dtype.kind not in "uif":
        raise ValueError(f"x holds {dtype}")
    if len(shape) == 3:
        shape = (*shape, 1)
    if len(shape) != 4 or 0 in shape[1:]:
        raise ValueError(f"x has the shape {list(shape)}")
    if shape[0] == 0:
        raise ValueError("x has no images")
    return Images(path, (shape[0], shape[1], shape[2], shape[3]), dtype)


def _labels(path: Path, images: int) -> Labels | None:
    with np.load(path, allow_pickle=False) as arrays:
        if "y" not in arrays:
            return None
        labels: Array = arrays["y"]
    if labels.size != images or labels.dtype.kind not in "ui":
        raise ValueError(
            f"y is {labels.dtype} {list(labels.shape)} for {images} images; wanted a class number for each"
        )
    return labels.reshape(-1).astype(np.int64)


@contextmanager
def _member(path: Path, name: str) -> Iterator[IO[bytes]]:
    """One array's file inside an .npz file."""
    with zipfile.ZipFile(path) as archive:
        if f"{name}.npy" not in archive.namelist():
            raise ValueError(f"it has no {name}")
        with archive.open(f"{name}.npy") as file:
            yield file


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype; the file is left at the first number."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if fortran and len(shape) > 1:
        raise ValueError("x is stored column by column; wanted C order (np.ascontiguousarray)")
    return shape, dtype


def _read_all(file: IO[bytes], size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise EOFError("x ends early")
    return content
