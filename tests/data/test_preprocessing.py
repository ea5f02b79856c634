from __future__ import annotations

import pytest

from octavo.data.preprocessing import PRESETS, Preprocessing, preprocessing
from octavo.errors import SpecError


@pytest.mark.parametrize("name", PRESETS)
def test_a_presets_name_is_enough(name: str) -> None:
    assert preprocessing(name) == PRESETS[name]


def test_a_document_starts_from_no_change() -> None:
    assert preprocessing("scale: 255") == Preprocessing(scale=255)
    assert preprocessing("{}") == PRESETS["raw"]


def test_a_document_may_start_from_a_preset() -> None:
    found = preprocessing('{"preset": "torch", "resize": "squash", "size": [32, 48]}')
    assert found == PRESETS["torch"].model_copy(update={"resize": "squash", "size": (32, 48)})


def test_one_number_is_a_square() -> None:
    assert preprocessing("size: 96").size == (96, 96)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("alexnet", "no preprocessing preset 'alexnet'; there are none, raw, unit", id="unknown preset"),
        pytest.param("preset: alexnet", "no preprocessing preset 'alexnet'", id="unknown preset in a document"),
        pytest.param("", "wanted a preset", id="empty"),
        pytest.param("[1, 2]", "wanted a preset", id="list"),
        pytest.param("a: [", "neither a preset, YAML nor JSON", id="broken"),
        pytest.param("scale: 0", "scale: Input should be greater than 0, got 0", id="zero"),
        pytest.param("std: [1, 0, 1]", "std", id="zero in a list"),
        pytest.param("scale: .inf", "scale", id="infinity"),
        pytest.param("mean: .nan", "mean", id="not a number"),
        pytest.param("crop_fraction: 1.5", "crop_fraction", id="more than whole"),
        pytest.param("resize: stretch", "resize", id="unknown way"),
        pytest.param("size: [1, 2, 3]", "size", id="three sides"),
        pytest.param("size: 0", "size", id="no pixels"),
        pytest.param("scal: 255", r"scal: .*\(fields: preset, resize", id="unknown field"),
    ],
)
def test_a_text_that_is_no_preprocessing_says_why(text: str, wanted: str) -> None:
    with pytest.raises(SpecError, match=wanted):
        preprocessing(text)
