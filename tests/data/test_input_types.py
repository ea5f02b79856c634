"""Numbers that the type of a graph's input cannot hold are refused, and those that it can hold arrive as they are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from blocks_of import read, vector
from images import noise, write_arrays, write_images
from octavo.data.casts import cast, check_pixels
from octavo.data.dataset import open_dataset
from octavo.data.inputs import ModelInput, ModelInputs
from octavo.data.preprocessing import PRESETS, preprocessing
from octavo.errors import DataError, SpecError
from octavo.graph.tensors import Array

WHOLE = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


def image(dtype: str) -> ModelInput:
    return ModelInput("image", dtype, (None, 8, 8, 3))


def made(uri: str, taken: ModelInput, settings: str = "raw") -> Array:
    """The first batch of the one input."""
    found: Array = read(open_dataset(uri), taken, settings=preprocessing(settings))[0].images
    return found


def pixels(tmp_path: Path, values: Any = None) -> str:
    return write_arrays(tmp_path / "d.npz", x=noise(seed=5)[None] if values is None else np.asarray(values))


# What no data could make right


CHANGING = sorted(name for name, settings in PRESETS.items() if settings.changes_numbers)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
@pytest.mark.parametrize("name", CHANGING)
def test_a_preset_whose_numbers_do_not_fit_is_refused_before_anything_is_read(
    name: str, dtype: str, tmp_path: Path
) -> None:
    (tmp_path / "d.npy").write_bytes(b"\x93NUMPY")
    wanted = r"the preprocessing makes -?[0-9.e-]+ of the pixel \d+, .*'image' .*8, 8, 3\]\) takes whole numbers .*raw"
    with pytest.raises(SpecError, match=wanted):
        check_pixels(ModelInputs((image(dtype),)), PRESETS[name])
    with pytest.raises(SpecError, match=wanted):
        made(pixels(tmp_path), image(dtype), name)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
@pytest.mark.parametrize("name", PRESETS)
def test_any_preset_goes_into_floats(name: str, dtype: str) -> None:
    check_pixels(ModelInputs((image(dtype),)), PRESETS[name])


@pytest.mark.parametrize("dtype", [*WHOLE, "bool"])
@pytest.mark.parametrize("name", ["raw", "none", "{preset: raw, resize: crop}", "{channels: BGR}"])
def test_what_leaves_pixels_as_they_are_is_never_refused_before_they_are_seen(name: str, dtype: str) -> None:
    check_pixels(ModelInputs((image(dtype),)), preprocessing(name))


@pytest.mark.parametrize(
    ("settings", "dtype", "refused"),
    [
        pytest.param("{mean: 128}", "int8", "", id="shifted into int8"),
        pytest.param("{mean: 127}", "int8", "makes 128 of the pixel 255", id="one too far"),
        pytest.param("{mean: 128.5}", "int8", r"makes -128\.5 of the pixel 0", id="half a step"),
        pytest.param("{mean: 1}", "uint8", "makes -1 of the pixel 0", id="below zero"),
        pytest.param("{mean: [0, 0, 1]}", "uint8", "makes -1 of the pixel 0", id="in one channel"),
        pytest.param("{mean: -300}", "uint8", "makes 300 of the pixel 0", id="above all"),
        pytest.param("{mean: -128}", "uint8", "", id="of pixels that are stored as int8"),
        pytest.param("{scale: 0.00392156862745098}", "uint8", "", id="of pixels that are stored as fractions"),
        pytest.param("{scale: 0.5}", "uint16", "", id="twice"),
        pytest.param("{scale: 2}", "uint8", r"makes 0\.5 of the pixel 1", id="halved"),
        pytest.param("caffe", "int32", "", id="whole means into int32"),
        pytest.param("caffe", "int16", "", id="whole means into int16"),
        pytest.param("vgg", "int32", r"makes -123\.68 of the pixel 0", id="fractions of means into int32"),
        pytest.param("unit", "bool", "of the pixel 1, .* takes 0 and 1", id="bool"),
    ],
)
def test_a_formula_is_judged_by_what_it_makes_of_pixels(settings: str, dtype: str, refused: str) -> None:
    taken = ModelInputs((ModelInput("mask", "float32", (None, 9)), image(dtype)))
    if refused:
        with pytest.raises(SpecError, match=refused):
            check_pixels(taken, preprocessing(settings))
    else:
        check_pixels(taken, preprocessing(settings))


@pytest.mark.parametrize(
    ("settings", "dtype", "instead"),
    [
        ("unit", "uint8", "raw"),
        ("torch", "uint8", "{preset: raw, resize: crop}"),
        ("{preset: unit, resize: none}", "uint8", "none"),
        ("{preset: caffe, layout: NCHW}", "uint8", "{preset: raw, channels: BGR, layout: NCHW}"),
        ("inception", "int8", "{preset: raw, mean: 128}"),
    ],
)
def test_the_settings_that_a_refusal_names_fit(settings: str, dtype: str, instead: str, tmp_path: Path) -> None:
    shape = (None, 3, 8, 8) if "NCHW" in settings else (None, 8, 8, 3)
    taken = ModelInput("image", dtype, shape)
    with pytest.raises(SpecError) as refusal:
        check_pixels(ModelInputs((taken,)), preprocessing(settings))
    assert f"as {instead} does" in str(refusal.value)
    check_pixels(ModelInputs((taken,)), preprocessing(instead))
    found = made(pixels(tmp_path), taken, instead)
    assert found.dtype == dtype
    assert len(np.unique(found)) > 100


def test_numbers_that_are_no_images_are_not_preprocessed_and_so_not_judged(tmp_path: Path) -> None:
    ids = ModelInput("ids", "int32", (None, 7))
    check_pixels(ModelInputs((ids, image("float32"))), PRESETS["unit"])
    uri = write_arrays(tmp_path / "d.npz", x=noise()[None], ids=np.arange(7)[None])
    (batch,) = read(open_dataset(uri), ids, ModelInput("x", "float32", (None, 8, 8, 3)), settings=PRESETS["unit"])
    assert batch.inputs["ids"].tolist() == [[0, 1, 2, 3, 4, 5, 6]]
    assert batch.inputs["x"].max() <= 1


# What the data make wrong


@pytest.mark.parametrize(
    ("values", "dtype", "why"),
    [
        pytest.param(
            np.full((1, 8, 8, 3), 0.5), "uint8", r"become 0\.5 .* whole numbers from 0 to 255; .* raw", id="half"
        ),
        pytest.param(np.full((1, 8, 8, 3), -1), "uint8", "become -1 .* whole numbers from 0 to 255", id="negative"),
        pytest.param(np.full((1, 8, 8, 3), 300), "uint8", "become 300 ", id="large"),
        pytest.param(np.full((1, 8, 8, 3), 200), "int8", r"become 200 .*\{preset: raw, mean: 128\}", id="for int8"),
        pytest.param(np.full((1, 8, 8, 3), 2), "bool", "become 2 .* takes 0 and 1", id="two"),
        pytest.param(np.full((1, 8, 8, 3), np.nan), "uint8", "become nan ", id="NaN"),
        pytest.param(np.full((1, 8, 8, 3), 2.0**31), "int32", "become 2147483648 ", id="int32's end"),
        pytest.param(
            np.full((1, 8, 8, 3), 1e6), "float16", "become 1000000 .* within the range of float16", id="float16"
        ),
    ],
)
def test_pixels_that_do_not_fit_are_refused(values: Array, dtype: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"the images of '.*d\.npz' {why}"):
        made(pixels(tmp_path, values), image(dtype))


@pytest.mark.parametrize(
    ("stored", "dtype"),
    [("uint8", "uint8"), ("float32", "uint8"), ("int64", "uint8"), ("float64", "int32"), ("uint8", "uint16")],
)
def test_whole_pixels_arrive_as_they_are(stored: str, dtype: str, tmp_path: Path) -> None:
    found = made(pixels(tmp_path, noise(seed=5)[None].astype(stored)), image(dtype))
    assert found.dtype == dtype
    assert np.array_equal(found[0], noise(seed=5))


def test_fractions_that_mean_pixels_become_these(tmp_path: Path) -> None:
    fractions = (noise(seed=5)[None] / 255).astype(np.float32)
    found = made(pixels(tmp_path, fractions), image("uint8"), "{scale: 0.00392156862745098}")
    assert np.array_equal(found[0], noise(seed=5))


@pytest.mark.parametrize("stored", ["uint8", "float32", "int32"])
def test_resized_pixels_stay_pixels_however_they_are_stored(stored: str, tmp_path: Path) -> None:
    found = made(pixels(tmp_path, noise(20, 16, seed=5)[None].astype(stored)), image("uint8"))
    (tmp_path / "images").mkdir()
    write_images(tmp_path / "images", {"a.png": noise(20, 16, seed=5)})
    assert np.array_equal(found, made(str(tmp_path / "images"), image("uint8")))


def test_a_batch_of_black_images_hides_nothing(tmp_path: Path) -> None:
    values = np.zeros((9, 8, 8, 3), np.float32)
    values[8, 0, 0, 0] = 0.25
    uri = pixels(tmp_path, values)
    with pytest.raises(DataError, match=r"become 0\.25 "):
        read(open_dataset(uri), image("uint8"), settings=PRESETS["raw"])


@pytest.mark.parametrize(
    ("ids", "dtype", "why"),
    [
        pytest.param([[70_000, 1]], "int16", "hold 70000; .* whole numbers from -32768 to 32767", id="too large"),
        pytest.param([[-1, 1]], "uint8", "hold -1; .* from 0 to 255", id="negative"),
        pytest.param([[2**40, 1]], "int32", "hold 1099511627776; ", id="int64"),
        pytest.param([[3, 1]], "bool", "hold 3; .* takes 0 and 1", id="bool"),
        pytest.param([[1.0, 2.0]], "int32", "are float64; .* takes whole numbers", id="floats"),
        pytest.param(
            [[1e39, 2.0]], "float32", r"hold 1e\+39; .* within the range of float32", id="too large for float32"
        ),
    ],
)
def test_numbers_that_do_not_fit_are_refused(ids: Any, dtype: str, why: str, tmp_path: Path) -> None:
    uri = write_arrays(tmp_path / "d.npz", ids=np.array(ids))
    with pytest.raises(DataError, match=rf"the examples of '.*d\.npz' {why}"):
        read(open_dataset(uri), vector("ids", 2, dtype=dtype))


@pytest.mark.parametrize("stored", ["int64", "int32", "uint16", "bool"])
def test_token_ids_that_fit_arrive_as_they_are(stored: str, tmp_path: Path) -> None:
    uri = write_arrays(tmp_path / "d.npz", ids=np.array([[0, 1], [1, 0]], stored))
    (batch,) = read(open_dataset(uri), vector("ids", 2))
    assert batch.inputs["ids"].dtype == np.int32
    assert batch.inputs["ids"].tolist() == [[0, 1], [1, 0]]


PREPARE = """
import numpy as np

def divided(image):
    return (image / 255).astype(np.float32)

def shifted(image):
    return image.astype(np.int32) - 128

def raw(image):
    return image
"""


@pytest.mark.parametrize(
    ("function", "dtype", "why"),
    [
        pytest.param("divided", "uint8", "are float32 after prepare_pixels:divided; .* takes whole numbers", id="half"),
        pytest.param("shifted", "uint8", "hold -128 after prepare_pixels:shifted; ", id="negative"),
        pytest.param("shifted", "int8", "", id="int8"),
        pytest.param("divided", "float32", "", id="float"),
        pytest.param("raw", "uint8", "", id="raw"),
    ],
)
def test_what_a_function_gives_must_fit_too(
    function: str, dtype: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prepare_pixels.py").write_text(PREPARE)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("prepare_pixels", None)
    values = np.arange(256, dtype=np.uint8)[:192].reshape(1, 8, 8, 3)
    settings = f"{{function: prepare_pixels:{function}}}"
    if why:
        with pytest.raises(DataError, match=f"the examples .* {why}"):
            made(pixels(tmp_path, values), image(dtype), settings)
    else:
        assert len(np.unique(made(pixels(tmp_path, values), image(dtype), settings))) == 192


@given(
    arrays.arrays(st.sampled_from([*WHOLE, "float32", "float64"]), st.integers(1, 5)),
    st.sampled_from([*WHOLE, "bool", "float16", "float32"]),
)
def test_a_cast_keeps_each_value_or_refuses_all(values: Array, dtype: str) -> None:
    try:
        found = cast(values, dtype)
    except ValueError:
        return
    assert found.dtype == dtype
    for before, after in zip(values.tolist(), found.tolist(), strict=True):
        if dtype.startswith("float"):
            assert np.isfinite(before) == np.isfinite(after)
        else:
            assert abs(int(after) - before) <= 1e-3


@given(st.sampled_from(WHOLE), st.sampled_from(WHOLE), st.data())
def test_whole_numbers_that_fit_pass(stored: str, dtype: str, data: st.DataObject) -> None:
    low = max(np.iinfo(stored).min, np.iinfo(dtype).min)
    high = min(np.iinfo(stored).max, np.iinfo(dtype).max)
    values = data.draw(st.lists(st.integers(int(low), int(high)), min_size=1, max_size=4))
    assert cast(np.array(values, stored), dtype).tolist() == values
