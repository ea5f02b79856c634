from pathlib import Path

import pytest

from octavo.errors import GraphError
from octavo.summarize_graph.subject import read_subject
from octavo.summarize_graph.summarize import summarize, summarize_model
from octavo.summarize_graph.text import text
from small_models import write_keras, write_saved_model_v1, write_saved_model_v2, write_training_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small model of each kind."""
    folder = tmp_path_factory.mktemp("models")
    write_training_run(folder / "references", resources=False)
    write_training_run(folder / "resources", resources=True)
    write_saved_model_v1(folder / "v1")
    write_saved_model_v2(folder / "v2")
    write_keras(folder / "model.keras")
    return folder


@pytest.mark.models
@pytest.mark.parametrize(
    ("model", "output"),
    [
        ("mobilenet_v1_1.0_224.pb", "MobilenetV1/Predictions/Softmax"),
        ("squeezenet_v1.1.pb", "predict"),
        ("cifar10_resnet20.pb", "predict"),
        ("cifar10_resnet20_checkpoint", "predict"),
        ("cifar10_resnet20_checkpoint/graph.pbtxt", "predict"),
        ("efficientnet_lite0_checkpoint", "predict"),
    ],
)
def test_finds_the_ends_of_real_models(test_data: Path, model: str, output: str) -> None:
    summary = summarize_model(test_data / "models" / model)
    assert summary.input_names == ("input",)
    assert summary.output_names == (output,)


@pytest.mark.models
def test_counts_what_mobilenet_holds(test_data: Path) -> None:
    summary = summarize_model(test_data / "models" / "mobilenet_v1_1.0_224.pb")
    assert (summary.nodes, summary.ops["Conv2D"], summary.ops["DepthwiseConv2dNative"]) == (553, 15, 13)
    assert "Found 4254918 (4.25M) const parameters, 0 (0) variable parameters" in text(summary)
    assert summary.flops["Conv2D"] == 1_102_710_784
    assert next(iter(summary.parameter_bytes)) == "Conv2D"


@pytest.mark.parametrize("kind", ["references", "resources"])
def test_a_training_graph_has_the_ends_of_its_inference(folder: Path, kind: str) -> None:
    summary = summarize_model(folder / kind / "graph.pbtxt")
    assert summary.input_names == ("images",)
    assert summary.output_names == ("net/predict",)
    reasons = {end.name: end.reason for end in summary.inputs}
    assert reasons["labels"] == "labels: only a loss or an accuracy reads it"
    assert {"net/conv/filters", "net/conv/filters/Adam", "global_step"} < {v.name for v in summary.variables}


def test_a_saved_model_of_tensorflow_1_keeps_its_node_names(folder: Path) -> None:
    summary = summarize_model(folder / "v1")
    assert (summary.kind, summary.signature) == ("saved_model", "serving_default")
    assert (summary.input_names, summary.output_names) == (("images",), ("net/predict",))
    assert summary.signatures["serving_default"].inputs["in"].tensor == "images"
    assert summary.variable_parameters == 3 * 3 * 3 * 4 + 4 + 4 * 6


def test_a_saved_model_of_tensorflow_2_is_named_by_its_signature(folder: Path) -> None:
    summary = summarize_model(folder / "v2")
    assert (summary.input_names, summary.output_names) == (("images",), ("hidden", "scores"))
    assert set(summary.signatures) == {"serving_default", "second"}
    assert {v.name: v.shape for v in summary.variables} == {"filters": (3, 3, 3, 4), "scores_1": (4, 6)}
    assert {end.reason for end in summary.outputs} == {"of signature 'serving_default'"}
    assert summary.flops["Conv2D"] == 2 * 8 * 8 * 4 * 27


def test_another_signature_can_be_asked_for(folder: Path) -> None:
    assert summarize(read_subject(folder / "v2", "second")).output_names == ("mean",)
    with pytest.raises(GraphError, match="no signature 'third'; its signatures: "):
        read_subject(folder / "v2", "third")


def test_a_keras_file_is_named_by_its_layers(folder: Path) -> None:
    summary = summarize_model(folder / "model.keras")
    assert (summary.input_names, summary.output_names) == (("photo",), ("predict",))
    assert (summary.kind, summary.const_parameters < 20, len(summary.variables)) == ("keras", True, 8)


def test_names_given_replace_the_signatures(folder: Path) -> None:
    summary = summarize_model(folder / "v2", output_names=["scores"])
    assert summary.output_names == ("scores",)
    assert summary.input_names == ("images",)
    with pytest.raises(GraphError, match="near names: scores"):
        summarize_model(folder / "v2", output_names=["score"])


def test_a_graph_file_may_have_any_name(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    copy.write_bytes((folder / "resources" / "graph.pb").read_bytes())
    assert summarize_model(copy).output_names == ("net/predict",)


@pytest.mark.parametrize("content", [None, b"", b"\x0a\xff broken"])
def test_a_file_that_is_no_graph_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "graph.pb"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(GraphError, match=r"graph\.pb"):
        summarize_model(file)


def test_the_document_survives_json(folder: Path) -> None:
    summary = summarize_model(folder / "v2")
    again = type(summary).model_validate_json(summary.model_dump_json())
    assert again == summary
    assert text(again) == text(summary)
