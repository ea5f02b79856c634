"""Two runs at once into one target."""

from __future__ import annotations

import subprocess

from cluster.release import Release
from octavo.storage import list_objects, read_bytes
from quickstart import PUBLISHED_FILES


def test_both_end_well_and_leave_one_whole_set(release: Release, int8_graph: bytes) -> None:
    command = release.submission("--no-follow")
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    names = {one.communicate()[0].split()[-1] for one in both}
    runs = [run for run in release.runs() if run.name in names]
    target = str(release.parameters["target_uri"])

    assert [run.phase(seconds=1800) for run in runs] == ["Succeeded", "Succeeded"]
    assert {each.name for each in list_objects(target)} == PUBLISHED_FILES
    assert read_bytes(f"{target}/int8.pb") == int8_graph
