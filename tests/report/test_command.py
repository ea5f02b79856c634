import json

from click.testing import CliRunner

from octavo.cli import cli
from report_inputs import ReportInputs


def test_writes_the_page_and_prints_the_table(inputs: ReportInputs) -> None:
    inputs.write()
    folder = inputs.folder
    for name in ("report.html", "summary.json"):
        (folder / name).unlink()
    flags = {
        "summary": "inputs.json", "decisions": "decisions.json", "fp32_graph": "fp32.pb", "int8_graph": "int8.pb",
        "html": "out/report.html", "summary_json": "out/summary.json",
    }  # fmt: skip
    arguments = ["report", *(f"--{flag}={folder / file}" for flag, file in flags.items()), "--tolerance=0.5"]
    shown = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert shown.exit_code == 0
    assert "not measured" in shown.output
    assert json.loads((folder / "out" / "summary.json").read_text())["accepted"] is None
    assert (folder / "out" / "report.html").exists()
