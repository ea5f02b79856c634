import pytest

from octavo.errors import RecipeError
from octavo.recipe import Recipe, load_recipe


@pytest.mark.parametrize("text", ["", "\n", "{}", "# nothing"])
def test_an_empty_document_is_the_default_recipe(text: str) -> None:
    assert Recipe.parse(text) == Recipe()


def test_yaml_and_json_say_the_same() -> None:
    yaml = "per_channel: false\nexcluded_nodes: [head/.*]\ncalibration: {min_percentile: 0}"
    json = '{"per_channel": false, "excluded_nodes": ["head/.*"], "calibration": {"min_percentile": 0}}'
    assert Recipe.parse(yaml) == Recipe.parse(json) != Recipe()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("per_chanel: true", r"per_chanel: .*fields: per_channel"),
        ("target: gpu", "target: .*got 'gpu'"),
        ("calibration: {max_percentile: 200}", "calibration.max_percentile: .*got 200"),
        ("excluded_nodes: ['a(']", r"excluded_nodes: no regular expression: .*got \['a\('\]"),
        ("overrides: [{nodes: 'a)', precision: fp32}]", r"overrides\.0\.nodes: no regular expression"),
        (f"excluded_nodes: ['{'(' * 5000}{')' * 5000}']", "excluded_nodes: no regular expression: maximum recursion"),
        ("excluded_nodes: ['a{99999999999999999999}']", "excluded_nodes: no regular expression: the repetition number"),
        ("overrides: [{nodes: a}]", r"overrides\.0: an override needs one of precision, per_channel and signed_inputs"),
        ("overrides: [{nodes: a, channels: true}]", r"overrides\.0\.channels: .*fields: nodes, precision, per_channel"),
        ("calibration: {percentage: 1}", r"calibration\.percentage: .*fields: algorithm, min_percentile"),
        ("first_layer: int4", "first_layer: .*got 'int4'"),
        ("bias: int32", "bias: .*got 'int32'"),
        ("[1, 2]", "the recipe is a list"),
        ("a: [", "neither YAML nor JSON"),
        ("[" * 100_000, "neither YAML nor JSON"),
    ],
)
def test_a_fault_is_named_with_its_field(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Recipe.parse(text)


def test_node_names_added_by_a_flag_are_taken_literally() -> None:
    assert Recipe().with_exclusions((), ("a.b",)).excluded_nodes == (r"a\.b",)


def test_a_missing_recipe_file_is_named() -> None:
    with pytest.raises(RecipeError, match=r"'/no/recipe\.yaml' cannot be read"):
        load_recipe("/no/recipe.yaml")
