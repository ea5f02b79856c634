from pathlib import Path

import pytest

from report_inputs import ReportInputs


@pytest.fixture
def inputs(tmp_path: Path) -> ReportInputs:
    """The files that the report reads."""
    return ReportInputs(tmp_path)
