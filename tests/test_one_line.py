"""Recipes and preprocessing as fields of a form have them."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from octavo.data.preprocessing import preprocessing
from octavo.errors import OctavoError, RecipeError, SpecError
from octavo.recipe import Recipe
from octavo.run_parameters import check_documents


def joined(block: str) -> str:
    """What a field of one line makes of pasted lines."""
    return " ".join(block.splitlines())


@pytest.mark.parametrize(
    ("block", "wanted"),
    [
        ("excluded_ops: [MatMul]\nexcluded_nodes: [a, b]", "{excluded_ops: [MatMul], excluded_nodes: [a, b]}"),
        ("per_channel: true\nbias: float32\n", "{per_channel: true, bias: float32}"),
        ("calibration:\n  algorithm: kl\n", "such as {excluded_ops: [MatMul], calibration: {algorithm: kl}}"),
        ("excluded_ops:\n- MatMul\n- Conv2D\n", "such as {excluded_ops: [MatMul], calibration: {algorithm: kl}}"),
    ],
)
def test_a_recipe_whose_lines_were_joined_is_told_how_to_write(block: str, wanted: str) -> None:
    Recipe.parse(block)
    with pytest.raises(RecipeError, match=r"^the recipe '.*' seems to be several lines that a form") as told:
        Recipe.parse(joined(block))
    assert str(told.value).endswith(wanted)


def test_what_is_suggested_reads_as_the_pasted_lines_do() -> None:
    block = "excluded_ops: [MatMul]\nexcluded_nodes: [a, b]"
    with pytest.raises(RecipeError) as told:
        Recipe.parse(joined(block))
    assert Recipe.parse(str(told.value).rpartition("write it ")[2]) == Recipe.parse(block)


def test_a_preprocessing_whose_lines_were_joined_is_told_how_to_write() -> None:
    with pytest.raises(SpecError, match=r"write it \{preset: torch, size: 299\}$"):
        preprocessing("preset: torch size: 299")


@pytest.mark.parametrize("text", ["{a: [", "a: [1\nb: 2", "'", "{per_channel: true", ": :"])
def test_what_is_no_yaml_for_another_reason_is_told_so(text: str) -> None:
    with pytest.raises(RecipeError, match="neither YAML nor JSON"):
        Recipe.parse(text)


@given(st.dictionaries(st.sampled_from(["size", "scale", "mean", "std"]), st.integers(1, 300), min_size=2))
def test_every_flat_document_is_told_as_itself(fields: dict[str, int]) -> None:
    with pytest.raises(SpecError) as told:
        preprocessing(joined(yaml.safe_dump(fields)))
    assert preprocessing(str(told.value).rpartition("write it ")[2]) == preprocessing(yaml.safe_dump(fields))


@pytest.mark.parametrize(
    "given_",
    [{"preprocessing": "torchh"}, {"recipe": "per_chanel: true"}, {"recipe": {"per_chanel": True}}],
)
def test_the_documents_of_a_run_are_read_before_it(given_: dict[str, object]) -> None:
    with pytest.raises(OctavoError):
        check_documents(given_)
    check_documents({"preprocessing": "torch", "recipe": "", "model_uri": "m"})
