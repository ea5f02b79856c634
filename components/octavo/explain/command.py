"""`octavo explain`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from octavo.explain.explain import Only


def _print_schema(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from octavo.recipe import Recipe

    click.echo(json.dumps(Recipe.model_json_schema(), indent=2))
    context.exit()


@click.command("explain")
@click.argument("source")
@click.option("--only", type=click.Choice(["int8", "fp32"]), help="List these verdicts alone.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--recipe-schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the recipe's JSON schema instead.",
)
def command(source: str, only: Only | None, form: str) -> None:
    """Say for each op that could be INT8 what became of it, why, and what would change it.

    SOURCE is what quantize_graph wrote (decisions.json), or a folder with it or with a published model: a path, or a
    URI at s3://, minio://, gs:// or file://.
    """
    from rich.console import Console

    from octavo.explain.explain import explain
    from octavo.explain.text import lines, table

    found = explain(source, only=only)
    if form == "json":
        click.echo(json.dumps(found.document(), indent=2))
    elif sys.stdout.isatty():
        Console().print(table(found))
    else:
        click.echo("\n".join(lines(found)))
