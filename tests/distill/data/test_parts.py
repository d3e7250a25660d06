import pytest

from distill.data.parts import Part
from distill.errors import UserError


def test_parts_are_disjoint_and_together_all_of_the_work():
    work = list(range(23))
    parts = [Part(number, 5).of(work) for number in range(1, 6)]
    assert sorted(piece for part in parts for piece in part) == work
    assert Part.parse("3/16") == Part(3, 16)


@pytest.mark.parametrize("text", ["0/4", "5/4", "3", "3/", "-1/4", "a/b"])
def test_what_is_no_part_is_refused(text):
    with pytest.raises(UserError, match="NUMBER/COUNT"):
        Part.parse(text)
