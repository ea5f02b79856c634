from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from octavo.errors import SpecError
from octavo.options import COMMA_LIST, NEEDED_PATH, OPTIONAL_PATH, Bool, read_bool, read_comma_list


@click.command()
@click.option("--flag", cls=Bool, default=False)
@click.option("--on", cls=Bool, default=True)
@click.option("--names", type=COMMA_LIST, default="")
def show(flag: bool, on: bool, names: tuple[str, ...]) -> None:
    print(repr((flag, on, names)))


def said(*args: str) -> str:
    result = CliRunner().invoke(show, args)
    assert result.exit_code == 0, result.output
    return result.output.strip()


@pytest.mark.parametrize(
    ("args", "want"),
    [
        pytest.param([], (False, True, ()), id="defaults"),
        pytest.param(["--flag"], (True, True, ()), id="bare_flag_is_true"),
        pytest.param(["--flag", "--on", "False"], (True, False, ()), id="bare_flag_before_another_option"),
        pytest.param(["--flag=false", "--on=FALSE"], (False, False, ()), id="any_letter_case"),
        pytest.param(["--flag", "True", "--on", "0"], (True, False, ()), id="value_after_a_blank"),
        pytest.param(["--flag", "1", "--on", "f"], (True, False, ()), id="short_words"),
        pytest.param(["--names", "a, b:1 ,c"], (False, True, ("a", "b:1", "c")), id="comma_list"),
        pytest.param(["--names="], (False, True, ()), id="empty_list"),
        pytest.param(["--names=a,,"], (False, True, ("a",)), id="empty_entries"),
    ],
)
def test_reads_options_as_intels_tools_do(args: list[str], want: tuple[bool, bool, tuple[str, ...]]) -> None:
    assert said(*args) == repr(want)


@pytest.mark.parametrize("word", ["flase", "graph.pb", "", "no", "10"])
def test_refuses_a_word_that_is_no_boolean(word: str) -> None:
    result = CliRunner().invoke(show, [f"--flag={word}"])
    assert result.exit_code == 2
    assert f"{word!r} is no boolean; wanted true or false" in result.output


def test_help_shows_the_two_words() -> None:
    assert "--flag [true|false]" in CliRunner().invoke(show, ["--help"]).output


@pytest.mark.parametrize(("text", "want"), [("", None), ("a/b.pb", Path("a/b.pb")), ("~/b.pb", Path.home() / "b.pb")])
def test_an_empty_path_is_none_and_a_tilde_is_the_home(text: str, want: Path | None) -> None:
    assert OPTIONAL_PATH.convert(text, None, None) == want


def test_an_empty_path_where_a_file_is_needed_is_not_the_folder_here() -> None:
    with pytest.raises(click.BadParameter, match="the path is empty; wanted the name of a file"):
        NEEDED_PATH.convert("", None, None)
    assert NEEDED_PATH.convert("~/b.pb", None, None) == Path.home() / "b.pb"
    assert NEEDED_PATH.convert("~no-such-user/b.pb", None, None) == Path("~no-such-user/b.pb")


@given(st.text(max_size=12))
def test_any_other_text_is_a_spec_error_and_never_a_crash(text: str) -> None:
    word = text.strip().lower()
    if word in {"true", "t", "1", "false", "f", "0"}:
        assert read_bool(text) == (word in {"true", "t", "1"})
    else:
        with pytest.raises(SpecError):
            read_bool(text)


@given(st.lists(st.text(alphabet="abc/:_1", min_size=1, max_size=5), max_size=4))
def test_a_comma_list_reads_back_what_was_joined(names: list[str]) -> None:
    assert read_comma_list(", ".join(names)) == tuple(names)
