"""Serve a model in OpenVINO's runtime. Runs in its environment: no octavo, no click."""

from __future__ import annotations

import argparse
from typing import Any

import openvino as ov

from serving import serve

FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}
"""Its default is bfloat16 where the processor has it: FP32 would not be FP32, and INT8 would agree with it less."""


class Runner:
    """A model, compiled for each batch size that it is run at."""

    def __init__(self, path: str) -> None:
        self.core = ov.Core()
        self.path = path
        self.requests: dict[int, Any] = {}

    def __call__(self, images: Any) -> Any:
        """The scores of some images."""
        request = self.requests.get(len(images)) or self._compiled(images)
        request.infer([images], share_inputs=True, share_outputs=True)
        return request.get_output_tensor().data

    def _compiled(self, images: Any) -> Any:
        model = self.core.read_model(self.path)
        model.reshape(list(images.shape))
        self.requests[len(images)] = self.core.compile_model(model, "CPU", FLOAT32).create_infer_request()
        return self.requests[len(images)]


def main() -> None:
    """Serve the model with the runtime's own settings."""
    parser = argparse.ArgumentParser()
    parser.add_argument("graph")
    parser.add_argument("--folder")
    serve(Runner(parser.parse_args().graph))


if __name__ == "__main__":
    main()
