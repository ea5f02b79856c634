"""What docs/serving.md shows runs."""

import re
import subprocess
import sys
from pathlib import Path

from octavo.graph import save_graph
from octavo.graph.text import parse_graph

PAGE = Path(__file__).resolve().parents[2] / "docs" / "serving.md"
GRAPH = """
input = Placeholder() dtype=float32 shape=<?,32,32,3>
predict = Relu(input) T=float32
"""


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_both_sets_of_settings_run_a_graph(tmp_path: Path) -> None:
    save_graph(parse_graph(GRAPH), tmp_path / "int8.pb")
    in_caller, at_once, _ = blocks()
    again = in_caller[in_caller.index("session =") :]
    code = f"{in_caller}\n{at_once}\n{again}"
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("[[[[0. 0. 0.]") == 2


def test_an_aligned_array_is_one_and_can_be_filled() -> None:
    code = f"{blocks()[2]}\nbatch[...] = 1\nprint(batch.ctypes.data % 64, batch.sum(dtype=np.float64) / batch.size)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.stdout == "0 1.0\n", done.stderr
