"""`octavo run-component`: a sub-command for each KFP component, its flags read from the component's specification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from octavo.errors import SpecError
from octavo.files import write_atomically
from octavo.notes import shown
from octavo.run_component.run import is_artifact, run_component

TYPES = {"Integer": int, "Float": float, "Boolean": bool}
DOCUMENTS = ("List", "Dict")

RESULT = "Output"
"""What KFP calls the parameter that a component's function returns."""

RETURNED = "output"
"""The flag for the file that it goes to."""


class ComponentGroup(click.Group):
    """A group with a command for each component, made when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The components' names, with dashes."""
        del ctx
        from octavo import components

        return [name.replace("_", "-") for name in components.__all__]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of one component."""
        del ctx
        from octavo import components

        name = cmd_name.replace("-", "_")
        return component_command(getattr(components, name)) if name in components.__all__ else None


@click.group("run-component", cls=ComponentGroup)
def command() -> None:
    """Run one KFP component on local files, as each pod of an Argo workflow does.

    Artifacts are paths, lists and dictionaries are JSON. What the component
    returns goes to --output, or to standard output: text as it is, the rest as
    JSON.
    """


def component_command(component: Any) -> click.Command:
    """The command of a component."""
    spec = component.component_spec
    options = [_input(name, each) for name, each in (spec.inputs or {}).items()]
    options += [_output(name) for name in spec.outputs or {} if name != RESULT]
    returns = RESULT in (spec.outputs or {})
    if returns:
        options.append(click.Option([f"--{RETURNED}"], type=click.Path(path_type=Path), help="What is returned."))

    def run(**given: Any) -> None:
        target = given.pop(RETURNED, None) if returns else None
        with shown():
            returned = run_component(component, given)
        if not returns:
            return
        text = returned if isinstance(returned, str) else json.dumps(returned)
        if target is None:
            click.echo(text)
        else:
            write_atomically(target, text)

    return click.Command(component.name, callback=run, params=list(options), help=spec.description)


def _input(name: str, each: Any) -> click.Option:
    flag = _flag(name)
    if is_artifact(each.type):
        kind = click.Path(exists=True, path_type=Path)
        return click.Option([flag, name], type=kind, required=True, help="A path.")
    if each.type.startswith(DOCUMENTS):
        return click.Option([flag, name], required=True, callback=_json, help="JSON.")
    return click.Option([flag, name], type=TYPES.get(each.type, str), required=not each.optional, default=each.default)


def _output(name: str) -> click.Option:
    return click.Option([_flag(name), name], type=click.Path(path_type=Path), required=True, help="Where it goes.")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _json(_: click.Context, option: click.Parameter, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as fault:
        raise SpecError(f"--{option.name} is no JSON: {text!r}") from fault
