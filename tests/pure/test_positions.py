"""Numbers of rows as people write them: retention/positions.py."""

import pytest

from archive.errors import WrongInput
from retention import positions


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("1-3、7", [1, 2, 3, 7]), ("7，2—3 2", [2, 3, 7]), ("", []), ("５", [5]), ("1至2；9", [1, 2, 9])],
)
def test_numbers_are_read_as_people_write_them(text, numbers):
    assert positions.read(text) == numbers


@pytest.mark.parametrize("text", ["a", "3-1", "1-99999", "-2", "1--2", "1.5"])
def test_what_is_no_number_is_refused_with_an_example(text):
    with pytest.raises(WrongInput, match="1-20、23"):
        positions.read(text)


@pytest.mark.parametrize("numbers", [[1], [1, 2, 3, 7], [9, 1, 2], [], list(range(1, 200))])
def test_what_is_written_is_read_again(numbers):
    assert positions.read(positions.write(numbers)) == sorted(set(numbers))


def test_runs_are_written_short():
    assert positions.write([5, 1, 2, 3], "、") == "1-3、5"
