r"""The language of transform lists: `remove_nodes(op=Identity, op=CheckNumerics) fold_constants`.

    list  := { name [ "(" [ param { "," param } ] ")" ] }
    param := key "=" value
    name, key := letters, digits and underscores
    value := '"' any text '"'  |  text without blanks and without any of , ( ) = ; ' " \

Blanks, line ends and a backslash at a line's end separate, and may stand between any two of these parts; TensorFlow's
tool refuses them before "(", "," and ")" and around "=". Its unquoted values hold letters, digits and _ . / - only.
Inside quotes a backslash protects the next character and stays in the value. A key given several times collects its
values in order. Every transform takes ignore_errors=true|false beside its own parameters.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from octavo.errors import SpecError
from octavo.graph import Graph
from octavo.graph.rewrite import Outcome

Transform = Callable[..., Graph | Outcome]
"""A function from a graph, and typed keywords, to a graph, or to one with what did not apply in it.

Its signature is the schema of its parameters.
"""

IGNORE_ERRORS = "ignore_errors"
"""The parameter that every transform takes: leave the graph unchanged, rather than stop, when it fails."""

_BLANK = r"(?:\s|\\\r?\n)*"
_SKIP = re.compile(_BLANK)
_NAME = re.compile(r"\w+", re.ASCII)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_PLAIN = re.compile(r"""[^\s,()=;'"\\]+""")
_STRAY_QUOTES = re.compile(r"\"?'?")


@dataclass(frozen=True, slots=True)
class Param:
    """`key=value` as written, and where its key and its value begin."""

    key: str
    value: str
    key_at: int
    value_at: int


@dataclass(frozen=True, slots=True)
class Call:
    """`name(key=value, ...)` as written, and where it begins."""

    name: str
    params: tuple[Param, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Step:
    """A transform with its arguments; `str` writes it in the language, or raises SpecError where that cannot say it."""

    transform: Transform
    args: Mapping[str, Any] = field(default_factory=dict)
    ignore_errors: bool = False

    @property
    def name(self) -> str:
        """The transform's name."""
        return self.transform.__name__

    def __call__(self, graph: Graph) -> Outcome:
        """The transformed graph, and what did not apply."""
        made = self.transform(graph, **self.args)
        return made if isinstance(made, Outcome) else Outcome(made)

    def __str__(self) -> str:
        args = {**self.args, **({IGNORE_ERRORS: True} if self.ignore_errors else {})}
        params = ", ".join(f"{key}={_write(each)}" for key, value in args.items() for each in _each(value))
        return f"{self.name}({params})" if params else self.name


def parse_steps(text: str, transforms: Iterable[Transform]) -> tuple[Step, ...]:
    """Read a transform list.

    Args:
        text: the list; an empty one is no steps.
        transforms: the transforms that it may name.

    Raises:
        SpecError: on a fault in the text, a name that no transform has, or arguments a transform does not take.
    """
    catalog = {transform.__name__: transform for transform in transforms}
    return tuple(_bind(text, call, catalog) for call in parse_calls(text))


def parse_calls(text: str) -> Iterator[Call]:
    """Read the grammar alone: names and keys may be any."""
    at = _skip(text, 0)
    while at < len(text):
        name = _NAME.match(text, at)
        if name is None:
            _fail(text, at, f"looking for a transform's name, but found {text[at]!r}")
        at = _skip(text, name.end())
        params: tuple[Param, ...] = ()
        if text.startswith("(", at):
            params, at = _parse_params(text, at)
        yield Call(name[0], params, name.start())
        at = _skip(text, at)


def parameters(transform: Transform) -> Mapping[str, inspect.Parameter]:
    """The parameters that a transform takes in a list, by name: its keyword-only arguments."""
    signature = inspect.signature(transform).parameters
    return {name: each for name, each in signature.items() if each.kind is each.KEYWORD_ONLY}


def kind_of(parameter: inspect.Parameter) -> str:
    """A parameter's type as its signature spells it: "int", "tuple[str, ...]"."""
    annotation = parameter.annotation
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _parse_params(text: str, opened: int) -> tuple[tuple[Param, ...], int]:
    """The parameters between "(" and ")", and where the text goes on."""
    at = _skip(text, opened + 1)
    if text.startswith(")", at):
        return (), at + 1
    params = []
    while True:
        param, at = _parse_param(text, at)
        params.append(param)
        at = _skip(text, at)
        if text.startswith(")", at):
            return tuple(params), at + 1
        if not text.startswith(",", at):
            _fail(text, at, f"looking for ',' or ')', but found {_found(text, at)}")
        at = _skip(text, at + 1)


def _parse_param(text: str, at: int) -> tuple[Param, int]:
    key = _NAME.match(text, at)
    if key is None:
        _fail(text, at, f"looking for a parameter's name, but found {_found(text, at)}")
    at = _skip(text, key.end())
    if not text.startswith("=", at):
        _fail(text, at, f"looking for '=' after {key[0]!r}, but found {_found(text, at)}")
    at = _skip(text, at + 1)
    quoted = text.startswith('"', at)
    value = (_QUOTED if quoted else _PLAIN).match(text, at)
    if value is None:
        problem = "the quote is never closed" if quoted else f"looking for a value, but found {_found(text, at)}"
        _fail(text, at, f"{problem}; a value with blanks or any of , ( ) = ; ' needs double quotes")
    stray = _STRAY_QUOTES.match(text, value.end())
    assert stray is not None
    return Param(key[0], value[1] if quoted else value[0], key.start(), at), stray.end()


def _bind(text: str, call: Call, catalog: Mapping[str, Transform]) -> Step:
    """The call's transform, with the call's values as the types that its signature declares."""
    if call.name not in catalog:
        _fail(text, call.at, f"transform {call.name!r} is not recognized{_nearest(call.name, catalog)}")
    transform = catalog[call.name]
    accepted = parameters(transform)
    given: dict[str, list[Param]] = {}
    for param in call.params:
        if param.key not in accepted and param.key != IGNORE_ERRORS:
            names = ", ".join((*accepted, IGNORE_ERRORS))
            near = _nearest(param.key, (*accepted, IGNORE_ERRORS))
            _fail(text, param.key_at, f"{call.name} takes {names}, not {param.key!r}{near}")
        given.setdefault(param.key, []).append(param)
    for name, each in accepted.items():
        if each.default is each.empty and name not in given:
            _fail(text, call.at, f"{call.name} needs {name}=...")
    ignored = given.pop(IGNORE_ERRORS, [])
    args = {key: _typed(text, kind_of(accepted[key]), params) for key, params in given.items()}
    return Step(transform, args, bool(ignored) and _typed(text, "bool", ignored))


def _typed(text: str, kind: str, params: list[Param]) -> Any:
    """The values of one key, as the annotation `kind` says: one of _READERS, or tuple[...] of one."""
    if inner := re.fullmatch(r"tuple\[(\w+), \.\.\.\]", kind):
        return tuple(_typed(text, inner[1], [param]) for param in params)
    if len(params) > 1:
        _fail(text, params[1].key_at, f"{params[1].key!r} is given {len(params)} times; wanted one")
    [param] = params
    kind = kind.removesuffix(" | None")
    try:
        return _READERS[kind](param.value)
    except ValueError:
        _fail(text, param.value_at, f"{param.key} wants {_KINDS[kind]}, got {param.value!r}")


def _bool(text: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


_READERS: Mapping[str, Callable[[str], Any]] = {"str": str, "int": int, "float": float, "bool": _bool}
_KINDS = {"int": "an integer", "float": "a number", "bool": "true or false"}


def _each(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _write(value: Any) -> str:
    """The shortest spelling of a value.

    Raises:
        SpecError: when no spelling says it: a quote must follow a backslash, and no backslash may stand last.
    """
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    if not _QUOTED.fullmatch(f'"{text}"'):
        raise SpecError(f"the value {text!r} cannot be written in a transform list: it holds an unprotected quote")
    return f'"{text}"'


def _skip(text: str, at: int) -> int:
    blank = _SKIP.match(text, at)
    assert blank is not None
    return blank.end()


def _found(text: str, at: int) -> str:
    return repr(text[at]) if at < len(text) else "the end"


def _nearest(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _fail(text: str, at: int, problem: str) -> NoReturn:
    """Raise a SpecError that shows the line of the text that is at fault, with a caret under the place."""
    start = text.rfind("\n", 0, at) + 1
    line = text[start:].split("\n", 1)[0].rstrip()
    caret = "".join("\t" if c == "\t" else " " for c in text[start:at]) + "^"
    raise SpecError(f"{problem}\n  {line}\n  {caret}")
