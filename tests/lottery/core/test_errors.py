"""Names that are not known."""

import pytest

from lottery.core.errors import BadInput, UnknownName, check_name


def test_a_known_name_is_returned() -> None:
    assert check_name("fruit", "pear", ["apple", "pear"]) == "pear"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("aple", "unknown fruit 'aple': did you mean apple? valid are apple, cherry"),
        ("xyzzy", "unknown fruit 'xyzzy': valid are apple, cherry"),
        ("", "unknown fruit '': valid are apple, cherry"),
        ("Cherry", "unknown fruit 'Cherry': did you mean cherry? valid are apple, cherry"),
        ("a\nb", "unknown fruit 'a\\nb': valid are apple, cherry"),
    ],
)
def test_an_unknown_name_gives_the_nearest_and_all(name: str, text: str) -> None:
    with pytest.raises(UnknownName) as caught:
        check_name("fruit", name, iter(["apple", "cherry"]))
    assert str(caught.value) == text
    assert isinstance(caught.value, BadInput)
    assert isinstance(caught.value, ValueError)


def test_the_nearest_of_several_comes_first() -> None:
    with pytest.raises(UnknownName, match=r": did you mean abcde or abcdef\? valid are abcdef, "):
        check_name("fruit", "abcd", ["abcdef", "abcde", "zz"])
