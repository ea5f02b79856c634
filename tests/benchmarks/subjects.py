"""The models that are compared, and the images each is calibrated and judged on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model of the test data.

    Args:
        name: what the tables call it.
        model: its file or folder under the test data; None for the ResNet-50 that the benchmark builds.
        output: the tensor with the classes' scores; None to find it.
        preprocessing: octavo's preset.
        calibration: the images that ranges are taken from.
        validation: the labelled images that accuracy is measured on; None to measure speed alone.
        label_offset: the class of label 0.
    """

    name: str
    model: str | None
    output: str | None
    preprocessing: str
    calibration: str = "imagenet/calibration"
    validation: str | None = "imagenet/validation"
    label_offset: int = 0


SUBJECTS = {
    "mobilenet": Subject(
        name="MobileNet v1",
        model="models/mobilenet_v1_1.0_224.pb",
        output="MobilenetV1/Predictions/Softmax",
        preprocessing="inception",
        label_offset=1,
    ),
    "efficientnet": Subject(
        name="EfficientNet-Lite0",
        model="models/efficientnet_lite0_checkpoint",
        output="predict",
        preprocessing="efficientnet-lite",
    ),
    "squeezenet": Subject(
        name="SqueezeNet 1.1", model="models/squeezenet_v1.1.pb", output="predict", preprocessing="caffe"
    ),
    "resnet20": Subject(
        name="CIFAR ResNet-20",
        model="models/cifar10_resnet20.pb",
        output="predict",
        preprocessing="torch",
        calibration="cifar10/calibration.npz",
        validation="cifar10/test.npz",
    ),
    "resnet50": Subject(
        name="ResNet-50, random weights", model=None, output=None, preprocessing="caffe", validation=None
    ),
}

CALIBRATION_IMAGES = 100
"""Images that every engine calibrates on."""
