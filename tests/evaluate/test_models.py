"""The documented FP32 accuracies of the real models, which fix decoding, resizing and normalisation."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.evaluate.evaluate import evaluate_file
from octavo.freeze_graph.freeze import freeze_model

pytestmark = pytest.mark.models


@pytest.mark.parametrize(
    ("model", "data", "preprocessing", "output", "correct"),
    [
        pytest.param(
            "mobilenet_v1_1.0_224.pb",
            "imagenet/validation",
            "mobilenet",
            "MobilenetV1/Predictions/Softmax",
            (391, 1),
            id="MobileNet v1",
        ),
        pytest.param("squeezenet_v1.1.pb", "imagenet/validation", "caffe", "predict", (359, 0), id="SqueezeNet"),
        pytest.param(
            "efficientnet_lite0_checkpoint",
            "imagenet/validation",
            "efficientnet-lite",
            "predict",
            (421, 0),
            id="EfficientNet-Lite0",
        ),
        pytest.param("cifar10_resnet20.pb", "cifar10/test.npz", "torch", "predict", (1635, 0), id="ResNet-20"),
    ],
)
def test_fp32_top1_is_the_documented_one_to_one_image(
    test_data: Path,
    tmp_path: Path,
    model: str,
    data: str,
    preprocessing: str,
    output: str,
    correct: tuple[int, int],
) -> None:
    frozen = tmp_path / "frozen.pb"
    freeze_model(test_data / "models" / model, frozen, input_names=["input"], output_names=[output])
    found = evaluate_file(
        frozen,
        dataset_uri=str(test_data / data),
        preprocessing=preprocessing,
        inputs=["input"],
        outputs=[output],
    )
    wanted, offset = correct
    assert found.label_offset == offset
    assert abs(found.correct1 - wanted) <= 1
