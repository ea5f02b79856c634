"""Serve a model in OpenVINO's runtime. Runs in its environment: no octavo, no click."""

from __future__ import annotations

import argparse
import threading
from typing import Any

import openvino as ov

from serving import serve

FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}
"""Its default is bfloat16 where the processor has it: FP32 would not be FP32, and INT8 would agree with it less."""


class Runner:
    """A model, compiled for each batch size that it is run at, with a request for each thread that runs it."""

    def __init__(self, path: str, *, at_once: int, threads: int) -> None:
        self.core = ov.Core()
        self.path = path
        several = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": str(at_once)} if at_once > 1 else {}
        limited = {"INFERENCE_NUM_THREADS": str(at_once * threads)} if threads else {}
        self.settings = {**FLOAT32, **several, **limited}
        self.lock = threading.Lock()
        self.compiled: dict[int, Any] = {}
        self.requests: dict[tuple[int, int], Any] = {}

    def __call__(self, images: Any) -> Any:
        """The scores of some images."""
        with self.lock:
            request = self._request(images)
        request.infer([images], share_inputs=True, share_outputs=True)
        return request.get_output_tensor().data

    def _request(self, images: Any) -> Any:
        batch, thread = len(images), threading.get_ident()
        if batch not in self.compiled:
            model = self.core.read_model(self.path)
            model.reshape(list(images.shape))
            self.compiled[batch] = self.core.compile_model(model, "CPU", self.settings)
        if (batch, thread) not in self.requests:
            request = self.compiled[batch].create_infer_request()
            request.infer([images])  # alone: the first ones of two threads wait for each other forever
            self.requests[batch, thread] = request
        return self.requests[batch, thread]


def main() -> None:
    """Serve the model with the runtime's own settings, or with a stream for each of several batches at once."""
    parser = argparse.ArgumentParser()
    parser.add_argument("graph")
    parser.add_argument("--folder")
    parser.add_argument("--at-once", default=1, type=int)
    parser.add_argument("--threads", default=0, type=int)
    given = parser.parse_args()
    serve(Runner(given.graph, at_once=given.at_once, threads=given.threads), given.at_once)


if __name__ == "__main__":
    main()
