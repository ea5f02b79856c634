"""Helm, and what it renders for each file of values."""

from __future__ import annotations

import pytest

from helm_chart import CI_VALUES, Document, Helm, find_helm, with_values


@pytest.fixture(scope="session")
def helm() -> Helm:
    program = find_helm()
    if program is None:
        pytest.skip("no helm: `make test` installs it, and so does `python tests/charts/get_helm.py`")
    return Helm(program)


@pytest.fixture(scope="session")
def rendered(helm: Helm) -> dict[str, list[Document]]:
    """File of values, without -values.yaml -> the manifests."""
    return {file.name.removesuffix("-values.yaml"): helm.render(with_values(file)) for file in CI_VALUES}
