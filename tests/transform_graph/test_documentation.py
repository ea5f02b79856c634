"""Every transform's documentation holds an example, and the example is run."""

import inspect
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from examples import example
from octavo.errors import SpecError
from octavo.graph import Graph
from octavo.graph.text import to_text
from octavo.transform_graph.catalog import TRANSFORMS
from octavo.transform_graph.documentation import transform_help, transform_list
from octavo.transform_graph.language import Transform, parse_steps

NAMES = [transform.__name__ for transform in TRANSFORMS]
WITHOUT_EXAMPLE = {"fuse_quantized_conv_and_requantize", "split_batch"}
"""Transforms of whole graphs, which have tests of their own."""

DOCUMENTED = [transform for transform in TRANSFORMS if transform.__name__ not in WITHOUT_EXAMPLE]

ONCE = {"freeze_max", "freeze_min", "freeze_requantization_ranges", "rename_node"}
"""Transforms that refuse to run twice: what they name is gone then."""


@dataclass(frozen=True)
class Example:
    """What a module's docstring shows."""

    call: str
    before: Graph
    after: Graph


def documented(transform: Transform) -> Example:
    text = inspect.getdoc(inspect.getmodule(transform)) or ""
    head, rest = text.split("Before:\n", 1)
    before, rest = rest.split("After:\n", 1)
    after = re.match(r"(?: {4}.*\n?)+", rest)
    assert after is not None
    call = re.search(rf"^ {{4}}({transform.__name__}\(.*\))$", head, re.MULTILINE)
    inputs, outputs = _named(head, "input"), _named(head, "output")
    graphs = [example(part, inputs=inputs, outputs=outputs) for part in (before, after[0])]
    return Example(call[1] if call else transform.__name__, *graphs)


def _named(head: str, end: str) -> tuple[str, ...]:
    """The names in "With the inputs `a` and `b`, and the output `y`:"."""
    found = re.search(rf"\b{end}s? ((?:`\w+`(?:, | and )?)+)", head)
    return tuple(re.findall(r"`(\w+)`", found[1])) if found else ()


@pytest.mark.parametrize("transform", DOCUMENTED, ids=lambda t: t.__name__)
def test_the_example_is_true(transform: Transform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if record := re.search(r"`(;.*\])`", inspect.getdoc(inspect.getmodule(transform)) or ""):
        Path("min_max_log.txt").write_text(record[1] + "\n")
    shown = documented(transform)
    [step] = parse_steps(shown.call, TRANSFORMS)
    result = step(shown.before).graph
    result.check()
    assert to_text(result) == to_text(shown.after)
    if step.name not in ONCE:
        assert step(result).graph == result


def test_the_catalog_names_every_file_in_order() -> None:
    files = Path(inspect.getfile(TRANSFORMS[0])).parent.glob("*.py")
    assert sorted(file.stem for file in files if file.stem != "__init__") == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_help_shows_parameters_and_documentation(name: str) -> None:
    text = transform_help(name)
    assert text.startswith(f"{name}(")
    assert "ignore_errors=false)" in text
    assert "\n\n" in text


def test_help_spells_the_parameters() -> None:
    first = transform_help("insert-logging").splitlines()[0]
    assert first == (
        'insert_logging(op=str, ..., prefix=str, ..., show_op=false, show_name=false, message="", first_n=-1, '
        "summarize=1024, ignore_errors=false)"
    )


def test_the_list_says_a_line_for_each() -> None:
    assert [line.split("  ")[0].strip() for line in transform_list().splitlines()] == NAMES


def test_help_for_an_unknown_name_names_near_ones() -> None:
    with pytest.raises(SpecError, match="'fold_constant' is not recognized; near names: fold_constants"):
        transform_help("fold_constant")
