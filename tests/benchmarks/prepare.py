"""Write what every engine starts from: the frozen graph with a free batch, and the preprocessed images."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from octavo.data.batches import batches
from octavo.data.dataset import open_dataset
from octavo.data.inputs import model_inputs
from octavo.data.preprocessing import preprocessing
from octavo.freeze_graph.freeze import freeze_model
from octavo.graph.proto import load_graph
from octavo.summarize_graph.summarize import summarize_model
from octavo.tensorflow import import_tensorflow
from octavo.transform_graph.transform import transform_file
from subjects import CALIBRATION_IMAGES, SUBJECTS, Subject


@click.command()
@click.argument("key", type=click.Choice(list(SUBJECTS)))
@click.option("--data", required=True, type=click.Path(path_type=Path))
@click.option("--folder", required=True, type=click.Path(path_type=Path))
def main(key: str, data: Path, folder: Path) -> None:
    """Write frozen.pb, ends.json, calibration.npy and, for labelled images, validation.npy and labels.npy."""
    subject = SUBJECTS[key]
    frozen = folder / "frozen.pb"
    write_frozen(subject, data, frozen)
    write_images(frozen, subject, str(data / subject.calibration), folder / "calibration.npy", CALIBRATION_IMAGES)
    if subject.validation is not None:
        dataset = open_dataset(str(data / subject.validation))
        assert dataset.labels is not None
        np.save(folder / "labels.npy", dataset.labels + subject.label_offset)
        write_images(frozen, subject, dataset.uri, folder / "validation.npy", len(dataset.labels))


def write_frozen(subject: Subject, data: Path, frozen: Path) -> None:
    """Write the frozen graph, and the names of its input and output beside it."""
    model = data / subject.model if subject.model else build_resnet50(frozen.with_name("resnet50.keras"))
    found = summarize_model(model, ("input",) if subject.model else (), (subject.output,) if subject.output else ())
    inputs, outputs = found.ends().inputs, found.ends().outputs
    freeze_model(model, frozen, input_names=inputs, output_names=outputs)
    transform_file(frozen, frozen, "free_batch_dimension", inputs=inputs, outputs=outputs)
    frozen.with_name("ends.json").write_text(json.dumps({"input": inputs[0], "output": outputs[0]}))


def build_resnet50(path: Path) -> Path:
    """A ResNet-50 with seeded random weights, as a Keras file."""
    tf = import_tensorflow()
    tf.keras.utils.set_random_seed(0)
    tf.keras.applications.ResNet50(weights=None, input_shape=(224, 224, 3)).save(path)
    return path


def write_images(frozen: Path, subject: Subject, dataset: str, path: Path, count: int) -> None:
    """Write the first images of a data set as the model takes them: float32 [count, height, width, 3]."""
    read = batches(
        open_dataset(dataset),
        preprocessing(subject.preprocessing),
        start=0,
        stop=count,
        batch_size=50,
        inputs=model_inputs(load_graph(frozen)),
    )
    np.save(path, np.concatenate([batch.images for batch in read]))


if __name__ == "__main__":
    main()
