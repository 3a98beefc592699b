"""Records refuse values of another type, out of range, or not finite."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest

from tto.errors import TTOError
from tto.fields import SHARE, Between, Printable, check_fields


@dataclass(frozen=True)
class Example:
    count: Annotated[int, Between(1, 9)] = 1
    share: Annotated[float, SHARE] = 0.5
    any_number: float = 0.0
    flag: bool = False
    kind: Literal["a", "b"] = "a"
    limit: Annotated[int, Between(1)] | None = None
    sizes: Sequence[Annotated[int, Between(1, 9)]] = (1,)
    name: Annotated[str, Printable(5)] = "x"

    def __post_init__(self) -> None:
        check_fields(self, "example")


@pytest.mark.parametrize(
    "good",
    [
        {"count": 9},
        {"share": 0.001},
        {"any_number": -3},
        {"limit": 10**30},
        {"sizes": []},
        {"sizes": [1, 9]},
        {"name": "äöü x"},
    ],
)
def test_what_fits_passes(good):
    Example(**good)


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("count", [0, 10, -1, 1.0, True, None, "1", float("nan"), [1]]),
        ("share", [0, 1, 1.5, float("nan"), float("inf"), False, "0.5", None]),
        ("any_number", [float("nan"), float("inf"), -float("inf"), 10**400, True, "0", [0.0]]),
        ("flag", [0, 1, None, "true"]),
        ("kind", ["c", "", None, 0, ["a"]]),
        ("limit", [0, 1.5, "none", False]),
        ("sizes", [None, 1, [0], [10], [1.0], ["1"], "12", {"1": 1}, [1] * 1000]),
        ("name", ["", "x\n", "\0", "123456", None, 1, ["x"]]),
    ],
)
def test_what_does_not_fit_is_one_line(field, bad):
    for value in bad:
        with pytest.raises(TTOError, match=rf"^example\.{field}: expected .*, got ") as caught:
            Example(**{field: value})
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 300
