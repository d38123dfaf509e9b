"""What every command shares."""

from dataclasses import dataclass

import pytest

from lottery.core.command_line import parse, run_command
from lottery.core.errors import BadInput


@dataclass(frozen=True)
class Options:
    size: int = 3
    loud: bool = False


def test_options_become_a_dataclass() -> None:
    assert parse(Options, "program", ["--size", "5", "--loud"]) == Options(5, loud=True)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--nonsense"], "Unrecognized options: --nonsense (--help lists the options)"),
        (["--size"], "Missing value for argument '--size'. Expected 1 values."),
        (["--size", "big"], "Error parsing --size: invalid literal for int()"),
    ],
)
def test_what_does_not_fit_is_one_line(arguments: list[str], line: str) -> None:
    with pytest.raises(BadInput) as refusal:
        parse(Options, "program", arguments)
    assert str(refusal.value).startswith(line)
    assert "\n" not in str(refusal.value)


def test_bad_input_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(options: Options) -> int:
        raise BadInput("density 2 is outside (0, 1]")

    assert run_command(refuse, Options, "program", []) == 2
    assert capsys.readouterr().err == "error: density 2 is outside (0, 1]\n"
    assert run_command(lambda options: options.size, Options, "program", ["--size", "3"]) == 3
