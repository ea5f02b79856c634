"""components/README.md: every component, from its signature and its docstring."""

from __future__ import annotations

import json
import re
from typing import Any

from docstring_parser import Docstring, parse

from octavo import components
from octavo.image import IMAGE
from page_parts import table

HEAD = """\
# The components

Each is a Kubeflow Pipelines component that runs in the image `{image}` and installs nothing. Use them in a pipeline of
your own:

```python
from kfp import dsl
from octavo import components


@dsl.pipeline
def summarize(model_uri: str) -> None:
    \"\"\"Say what a model holds.\"\"\"
    model = components.fetch_model(uri=model_uri)
    components.summarize_graph(model=model.output)
```

Each is also a YAML file in `catalog/`, for `kfp.components.load_component_from_file` or `load_component_from_url` where
octavo is not installed. [docs/own-pipeline.md](../docs/own-pipeline.md) tells what else a pipeline needs.

`../pipelines/quantize_int8/pipeline.py` chains them all. What a component does is a plain function in the folder of the
same name under `octavo/`, and a command, `octavo NAME --help`.

This page is written by `make docs`.
"""


def catalogue() -> str:
    """The page."""
    found = {name: getattr(components, name) for name in components.__all__}
    texts = {name: parse(component.python_func.__doc__) for name, component in found.items()}
    contents = table(
        ["component", "what it does"],
        ([f"[{name}](#{name})", texts[name].short_description or ""] for name in found),
    )
    entries = [_entry(name, component, texts[name]) for name, component in found.items()]
    return "\n".join([HEAD.format(image=IMAGE), contents, "", *entries])


def _entry(name: str, component: Any, text: Docstring) -> str:
    spec = component.component_spec
    meanings = {each.arg_name: _line(each.description) for each in text.params}
    meanings["Output"] = _line(text.returns.description) if text.returns else ""
    inputs = [
        [f"`{key}`", f"`{_kind(each.type)}`", _default(each), meanings[key]]
        for key, each in (spec.inputs or {}).items()
    ]
    outputs = [[f"`{key}`", f"`{_kind(each.type)}`", meanings[key]] for key, each in (spec.outputs or {}).items()]
    parts = [f"## {name}", _line(text.description)]
    if inputs:
        parts.append(table(["input", "type", "default", "meaning"], inputs))
    if outputs:
        parts.append(table(["output", "type", "meaning"], outputs))
    return "\n\n".join(parts) + "\n"


def _kind(name: str) -> str:
    """system.Model@0.0.1 -> Model; parameters' types as KFP writes them."""
    return name.removeprefix("system.").split("@", maxsplit=1)[0]


def _default(each: Any) -> str:
    return f"`{json.dumps(each.default)}`" if each.optional else ""


def _line(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip()
