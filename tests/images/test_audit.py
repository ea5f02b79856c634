"""What `make audit` says: found, nothing found, or not known."""

from audit import UNKNOWN, with_reason

FOUND = """Found 1 known vulnerability in 1 package
Name   Version ID             Fix Versions
------ ------- -------------- ------------
jinja2 2.11    PYSEC-2021-66  2.11.3
"""


def test_a_known_vulnerability_is_told_as_it_is() -> None:
    assert with_reason(1, FOUND) == FOUND


def test_no_known_vulnerability_is_told_as_it_is() -> None:
    assert with_reason(0, "No known vulnerabilities found\n") == "No known vulnerabilities found\n"


def test_a_service_that_does_not_answer_is_no_clean_bill() -> None:
    said = "ERROR:pip_audit._cli:six: Dependency not found on PyPI and could not be audited: six (1.17.0)\n"

    assert with_reason(1, said) == said + UNKNOWN
    assert "nothing is known" in UNKNOWN
