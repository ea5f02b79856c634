"""Write what the chart takes from the project: `make chart`.

charts/octavo/files: the compiled pipeline in two parts, the table of its steps and the names of its credentials;
Chart.yaml's versions; the chart's README.md from the comments in values.yaml; and the table of steps in docs/sizing.md.
A test fails when one is not current.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from octavo import __version__
from step_table import as_text, step_table

CHART = Path(__file__).resolve().parent / "octavo"
COMPILED = CHART.parents[1] / "pipelines" / "quantize_int8" / "pipeline.yaml"

SIZING = CHART.parents[1] / "docs" / "sizing.md"

README = """\
# octavo, the chart

Installs the quantization pipeline where a platform runs Kubeflow Pipelines (modes `kfp` and `kfp-native`) or only Argo
Workflows (mode `argo`). It installs neither of the two.

- [Kubeflow Pipelines](../../docs/install-kubeflow.md), [Argo Workflows](../../docs/install-argo.md)
- [schedules](../../docs/schedules.md), [object stores](../../docs/object-stores.md), [sizing](../../docs/sizing.md),
  [images](../../docs/images.md), [upgrading](../../docs/upgrading.md)

```shell
helm install octavo charts/octavo --namespace kubeflow
helm test octavo --namespace kubeflow
```

## Values

{values}

This page is written by `make chart` from the comments in values.yaml.
"""


def chart_files() -> dict[Path, str]:
    """File -> its text."""
    pipeline, platform = yaml.safe_load_all(COMPILED.read_text(encoding="utf-8"))
    files = CHART / "files"
    return {
        files / "pipeline-spec.yaml": _dump(pipeline),
        files / "platform-spec.yaml": _dump(platform),
        files / "steps.yaml": _dump(_workflow(pipeline, platform)),
        files / "credentials.yaml": _dump(_credentials(platform)),
        CHART / "Chart.yaml": re.sub(
            r"^(version|appVersion): .*$", rf"\1: {__version__}", (CHART / "Chart.yaml").read_text(), flags=re.MULTILINE
        ),
        SIZING: _with_steps(SIZING.read_text(encoding="utf-8"), step_table(pipeline, platform)),
        CHART / "README.md": README.format(values=_values_table()),
    }


class _Plain(yaml.SafeDumper):
    """Writes what stands in two places twice."""

    def ignore_aliases(self, data: Any) -> bool:
        """Whatever it is."""
        del data
        return True


def _dump(document: Any) -> str:
    return str(yaml.dump(document, Dumper=_Plain, sort_keys=False, width=120))


def _workflow(pipeline: dict[str, Any], platform: dict[str, Any]) -> dict[str, Any]:
    """The steps with what a template needs to know of each, and the pipeline's parameters."""
    parameters = pipeline["root"]["inputDefinitions"]["parameters"]
    return {
        "title": "Quantize to INT8",
        "description": pipeline["pipelineInfo"]["description"].partition("\n\n")[0],
        "parameters": {name: _parameter(parameters[name]) for name in parameters},
        "steps": step_table(pipeline, platform),
    }


def _parameter(given: dict[str, Any]) -> dict[str, Any]:
    made = {"description": given["description"], "required": "defaultValue" not in given}
    if "defaultValue" in given:
        made["default"] = as_text(given["defaultValue"])
    return made


def _credentials(platform: dict[str, Any]) -> dict[str, Any]:
    """The folder that the object store's Secret is mounted at."""
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values()
    first = next(settings for settings in executors if "secretAsVolume" in settings)
    return {"folder": first["secretAsVolume"][0]["mountPath"]}


def _with_steps(page: str, steps: list[dict[str, Any]]) -> str:
    """The page with the table of what each step asks for."""
    rows = [
        f"| `{step['name']}` | {_span(step, 'cpu')} | {_span(step, 'memory')} | {'yes' if step['stores'] else ''} |"
        for step in steps
    ]
    head = ["| step | CPU | memory | uses the object store |", "| --- | --- | --- | --- |"]
    table = "\n".join([*head, *rows])
    mark = r"(<!-- generated: steps -->\n).*?(<!-- end -->)"
    return re.sub(mark, lambda found: f"{found[1]}{table}\n{found[2]}", page, flags=re.DOTALL)


def _span(step: dict[str, Any], what: str) -> str:
    low, high = (step["resources"][kind][what] for kind in ("requests", "limits"))
    return low if low == high else f"{low} to {high}"


def _values_table() -> str:
    lines = (CHART / "values.yaml").read_text(encoding="utf-8").splitlines()
    rows = [f"| `{key}` | `{default}` | {meaning} |" for key, default, meaning in described(lines)]
    return "\n".join(["| value | default | meaning |", "| --- | --- | --- |", *rows])


def described(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    """Key, default and meaning of each value with a `# --` comment."""
    values = yaml.safe_load("\n".join(lines))
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in lines:
        if found := re.match(r" *# (?:-- )?(.*)", line):
            comment = [found[1]] if "# -- " in line else [*comment, found[1]]
        elif found := re.match(r"( *)(\w+):", line):
            path = [*(entry for entry in path if entry[0] < len(found[1])), (len(found[1]), found[2])]
            if comment:
                keys = [key for _, key in path]
                yield ".".join(keys), _default(values, keys), " ".join(comment).replace("|", "\\|")
            comment = []


def _default(values: Any, keys: list[str]) -> str:
    for key in keys:
        values = values[key]
    return str(yaml.safe_dump(values, default_flow_style=True, width=1000)).removesuffix("...\n").strip()


if __name__ == "__main__":
    for file, text in chart_files().items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
