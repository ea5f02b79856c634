"""What graphs take, and what is made of examples for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blocks_of import read, vector
from images import noise, write_arrays, write_images
from octavo.data.batches import Batch
from octavo.data.dataset import Dataset, open_dataset
from octavo.data.inputs import ImageShape, ModelInput, ModelInputs, model_inputs
from octavo.data.preprocessing import PRESETS, Preprocessing, preprocessing
from octavo.errors import DataError, GraphError, SpecError
from octavo.graph import Graph, Node, const_node
from octavo.graph.attrs import DType, TensorShape
from octavo.graph.tensors import Array

IMAGE = ModelInput("image", "float32", (None, 8, 8, 3))


def placeholder(name: str, shape: Sequence[int | None] | None, dtype: str = "float32") -> Node:
    return Node(
        name,
        "Placeholder",
        (),
        {"dtype": DType(dtype), "shape": TensorShape(tuple(shape or ()), unknown_rank=shape is None)},
    )


def graph_of(*nodes: Node) -> Graph:
    return Graph({}).with_nodes(nodes)


# What graphs take


def test_all_placeholders_are_inputs() -> None:
    graph = graph_of(
        placeholder("ids", [None, 128], "int32"), const_node("c", np.float32(1)), placeholder("mask", None)
    )
    assert model_inputs(graph) == ModelInputs(
        (ModelInput("ids", "int32", (None, 128)), ModelInput("mask", "float32", None))
    )


def test_named_inputs_come_in_the_order_of_their_names() -> None:
    graph = graph_of(placeholder("a", [2, 8]), placeholder("b", [2, 4]), placeholder("c", [None]))
    found = model_inputs(graph, ["b:0", "a"])
    assert (found.names, found.batch, found.steps(4)) == (("b", "a"), 2, 2)


@pytest.mark.parametrize(
    ("nodes", "inputs", "wanted"),
    [
        pytest.param([const_node("c", np.float32(1))], (), "no Placeholder", id="none"),
        pytest.param([placeholder("image", [None])], ("imgae",), "no node named 'imgae'.*near names: image", id="typo"),
        pytest.param([placeholder("a", [1, 2]), placeholder("b", [3, 2])], (), r"\(a: 1, b: 3\); wanted one", id="two"),
        pytest.param(
            [placeholder("a", [None, 2]), placeholder("training", [])], (), "'training' .* one number", id="0-D"
        ),
    ],
)
def test_inputs_that_cannot_be_fed_say_why(nodes: list[Node], inputs: tuple[str, ...], wanted: str) -> None:
    with pytest.raises(GraphError, match=wanted):
        model_inputs(graph_of(*nodes), inputs)


@pytest.mark.parametrize(("batch", "asked", "steps"), [(None, 32, 32), (1, 32, 1), (8, 32, 8), (8, 8, 8)])
def test_a_graphs_own_batch_counts(batch: int | None, asked: int, steps: int) -> None:
    assert ModelInputs((ModelInput("a", "float32", (batch, 2)),)).steps(asked) == steps


@pytest.mark.parametrize(
    ("asked", "why"), [(32, r"takes 5 examples at once.*give a multiple of 5"), (0, "batch size is 0")]
)
def test_a_batch_size_that_does_not_fit_is_refused(asked: int, why: str) -> None:
    with pytest.raises(SpecError, match=why):
        ModelInputs((ModelInput("a", "float32", (5, 2)),)).steps(asked)


@pytest.mark.parametrize(
    ("shape", "layout", "image"),
    [
        ((None, 224, 192, 3), "NHWC", ImageShape((224, 192), 3)),
        ((1, None, None, 1), "NHWC", ImageShape(None, 1)),
        ((None, 3, 224, 192), "NCHW", ImageShape((224, 192), 3)),
        ((None, 3, 224, 224), "NHWC", None),
        ((None, 8, 8, 64), "NHWC", None),
        ((None, 128), "NHWC", None),
        (None, "NHWC", None),
    ],
)
def test_an_image_is_told_by_its_axes(
    shape: tuple[int | None, ...] | None, layout: str, image: ImageShape | None
) -> None:
    assert ModelInput("a", "float32", shape).image(layout) == image


def test_every_input_of_a_short_batch_is_filled_up() -> None:
    taken = ModelInputs((ModelInput("a", "int32", (3, 1)), ModelInput("b", "int32", (None, 2))))
    batch = Batch({"a": np.array([[1], [2]]), "b": np.array([[3, 4], [5, 6]])}, None, 0)
    fed = taken.feed(batch)
    assert fed["a"].tolist() == [[1], [2], [2]]
    assert fed["b"].tolist() == [[3, 4], [5, 6], [5, 6]]
    assert len(batch) == 2


# Preprocessing


def made(settings: Preprocessing, image: Array, taken: ModelInput, tmp_path: Path) -> Array:
    (batch,) = read(open_dataset(write_arrays(tmp_path / "x.npz", x=image[None])), taken, settings=settings)
    image_made: Array = batch.images[0]
    return image_made


SLIM = np.array([123.68, 116.78, 103.94], np.float32)
MEAN, STD = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], np.float32)
FORMULAS: dict[str, Callable[[Array], Array]] = {
    "none": lambda x: x,
    "raw": lambda x: x,
    "unit": lambda x: x / 255,
    "inception": lambda x: x / 127.5 - 1,
    "mobilenet": lambda x: x / 127.5 - 1,
    "efficientnet-lite": lambda x: (x - 127) / 128,
    "vgg": lambda x: x - SLIM,
    "resnet": lambda x: x - SLIM,
    "caffe": lambda x: x[..., ::-1] - np.array([104, 117, 123], np.float32),
    "torch": lambda x: (
        (x / 255 - np.array([0.485, 0.456, 0.406], np.float32)) / np.array([0.229, 0.224, 0.225], np.float32)
    ),
}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_its_formula(name: str, tmp_path: Path) -> None:
    image = noise(seed=3)
    wanted = FORMULAS[name](image.astype(np.float32))
    np.testing.assert_allclose(made(PRESETS[name], image, IMAGE, tmp_path), wanted, rtol=1e-5, atol=1e-5)


def test_channels_first(tmp_path: Path) -> None:
    settings = preprocessing("{preset: torch, layout: NCHW}")
    taken = ModelInput("image", "float32", (None, 3, 8, 8))
    found = made(settings, noise(), taken, tmp_path)
    assert np.array_equal(found, made(PRESETS["torch"], noise(), IMAGE, tmp_path).transpose(2, 0, 1))


@pytest.mark.parametrize(("interpolation", "method"), [("bilinear", 2), ("bicubic", 3), ("nearest", 0)])
def test_pixels_between_pixels_are_as_in_pillow(interpolation: str, method: int, tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    image = noise(24, 32)
    wanted = np.asarray(pillow.fromarray(image).resize((8, 8), method))
    found = made(Preprocessing(interpolation=interpolation), image, IMAGE, tmp_path)  # type: ignore[arg-type]  # a word
    assert np.abs(found - wanted).max() <= 1


def test_an_input_of_bytes_gets_bytes(tmp_path: Path) -> None:
    found = made(PRESETS["raw"], noise(), ModelInput("image", "uint8", (None, 8, 8, 3)), tmp_path)
    assert found.dtype == np.uint8
    assert np.array_equal(found, noise())


@pytest.fixture
def tokens(tmp_path: Path) -> Dataset:
    ids = np.arange(30).reshape(6, 5)
    return open_dataset(write_arrays(tmp_path / "t.npz", ids=ids, mask=(ids > 3).astype(np.float32), y=np.arange(6)))


def test_token_ids_and_a_mask(tokens: Dataset) -> None:
    first, second = read(tokens, vector("ids", 5), vector("mask", 5, dtype="float32"))
    assert first.inputs["ids"].dtype == np.int32
    assert first.inputs["ids"][1].tolist() == [5, 6, 7, 8, 9]
    assert first.inputs["mask"][0].tolist() == [0, 0, 0, 0, 1]
    assert second.labels is not None
    assert second.labels.tolist() == [4, 5]


@pytest.mark.parametrize(
    ("taken", "settings", "kind", "why"),
    [
        pytest.param(vector("ids", 5), "unit", SpecError, "changes pixels, but the graph takes no images", id="pixels"),
        pytest.param(vector("ids", 4), "none", DataError, r"are \[5\]; the input 'ids' .* does not", id="size"),
        pytest.param(vector("mask", 5), "none", DataError, "float32; the input 'mask' .* takes whole", id="type"),
        pytest.param(vector("types", 5), "none", DataError, "no feature 'types' .* it has ids, mask", id="name"),
        pytest.param(
            vector("ids", 5), "{preset: none, features: {idz: ids}}", SpecError, "input 'idz', .* are ids", id="input"
        ),
        pytest.param(IMAGE, "{preset: none, features: {image: ids}}", DataError, "takes images", id="image"),
    ],
)
def test_examples_that_a_graph_does_not_take(
    tokens: Dataset, taken: ModelInput, settings: str, kind: type[Exception], why: str
) -> None:
    with pytest.raises(kind, match=why):
        read(tokens, taken, settings=preprocessing(settings))


# A function of one's own


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with functions, in which the command runs."""
    (tmp_path / "own_functions.py").write_text(
        "import numpy as np\n"
        "def halves(image):\n    return (image[::2, ::2] / 2).astype(np.float32)\n"
        "def swapped(example):\n    return {'ids': example['ids'][::-1], 'mask': example['mask'] * 0 + 7}\n"
        "def fails(example):\n    raise KeyError('gone')\n"
        "def words(example):\n    return 'text'\n"
        "def empty(example):\n    return {}\n"
        "number = 1\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    monkeypatch.delitem(__import__("sys").modules, "own_functions", raising=False)
    return tmp_path


@pytest.mark.usefixtures("own")
def test_a_function_gets_decoded_images(tmp_path: Path) -> None:
    uri = str(write_images(tmp_path / "d", {"a.png": noise(seed=1), "b.png": noise(seed=2)}))
    taken = ModelInput("image", "float32", (None, 4, 4, 3))
    (batch,) = read(open_dataset(uri), taken, settings=preprocessing("function: own_functions:halves"))
    assert np.array_equal(batch.images, np.stack([noise(seed=seed)[::2, ::2] / np.float32(2) for seed in (1, 2)]))


@pytest.mark.usefixtures("own")
def test_a_function_gets_all_features_for_several_inputs(tokens: Dataset) -> None:
    taken = (vector("ids", 5), vector("mask", 5, dtype="float32"))
    first, _ = read(tokens, *taken, settings=preprocessing("function: own_functions:swapped"))
    assert first.inputs["ids"][0].tolist() == [4, 3, 2, 1, 0]
    assert set(first.inputs["mask"].ravel().tolist()) == {7.0}


@pytest.mark.parametrize(
    ("name", "both", "kind", "why"),
    [
        ("own_functions:fails", False, DataError, r"own_functions:fails failed on an example of .*KeyError: 'gone'"),
        ("own_functions:words", False, DataError, r"gave <U4; wanted an array of numbers"),
        ("own_functions:empty", False, DataError, r"gave a dictionary; the graph has one input"),
        ("own_functions:empty", True, DataError, r"gave the keys ; wanted a dictionary with an array for ids, mask"),
        ("own_functions:words", True, DataError, r"gave a str; wanted a dictionary"),
        ("own_functions:number", False, SpecError, r"is a int; wanted a function"),
        ("own_functions:other", False, SpecError, r"there is no preprocessing function 'own_functions:other'"),
        ("no_such_module:f", False, SpecError, r"No module named 'no_such_module'"),
    ],
)
@pytest.mark.usefixtures("own")
def test_a_function_that_cannot_be_used_is_named(
    tokens: Dataset, name: str, both: bool, kind: type[Exception], why: str
) -> None:
    taken = (vector("ids", 5), vector("mask", 5, dtype="float32"))
    settings: Mapping[str, Any] = {"function": name}
    with pytest.raises(kind, match=why):
        read(tokens, *taken[: 2 if both else 1], settings=Preprocessing.model_validate(settings))
