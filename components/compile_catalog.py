"""Write catalog/*.yaml, each component compiled by itself: `make compile`."""

from __future__ import annotations

from pathlib import Path

import click

from octavo import components

CATALOG = Path(__file__).resolve().with_name("catalog")


def compile_components(folder: Path = CATALOG) -> None:
    """Write NAME.yaml for every component, and remove the files of components that are no more.

    Args:
        folder: where to write.
    """
    from kfp import compiler

    folder.mkdir(parents=True, exist_ok=True)
    files = {folder / f"{name}.yaml": getattr(components, name) for name in components.__all__}
    for file, component in files.items():
        compiler.Compiler().compile(component, str(file))
    for stale in set(folder.glob("*.yaml")) - files.keys():
        stale.unlink()


@click.command(context_settings={"show_default": True})
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=CATALOG, help="Folder to write to.")
def main(output: Path) -> None:
    """Write every component's YAML."""
    compile_components(output)


if __name__ == "__main__":
    main()
