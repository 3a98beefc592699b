"""Values and bytes that a damaged or foreign file may hold."""

import copy
from typing import Any

from hypothesis import strategies as st

NUMBERS = st.one_of(
    st.integers(-3, 20),
    st.sampled_from([-(2**63), -(2**31), 2**31, 2**31 - 1, 2**63, 10**7, 10**30, 65536, 65537]),
    st.floats(allow_nan=True, allow_infinity=True),
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    st.sampled_from(["", "x" * 5000, "\n", "tokens", "uniform", "Hopper-v5", "a:b-v0", "gpt"]),
    st.text(max_size=5),
    st.lists(NUMBERS, max_size=3),
    st.builds(lambda: [1] * 2000),  # each time another list, which cannot come to hold itself
    st.dictionaries(st.text(max_size=3), NUMBERS, max_size=2),
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all entries of nested mappings and lists."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found = []
    for key, value in pairs:
        found.append((*path, key))
        if isinstance(value, dict | list):
            found += places(value, (*path, key))
    return found


@st.composite
def changed(draw: st.DrawFn, tree: dict[str, Any]) -> Any:
    """A copy of nested mappings in which one to three entries are replaced, removed or added."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        known = places(tree)
        *path, last = draw(st.sampled_from(known)) if known else ("new",)
        owner = tree
        for key in path:
            owner = owner[key]
        match draw(st.sampled_from(["replace", "replace", "replace", "remove", "add"])):
            case "replace":
                owner[last] = draw(VALUES)
            case "remove":
                del owner[last]
            case _:
                if isinstance(owner, dict):
                    owner[draw(st.text(max_size=5))] = draw(VALUES)
    return tree


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes cut off, flipped, overwritten, inserted or removed; now and then something else."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        size = len(content)
        at = draw(st.integers(0, max(0, min(size, draw(st.sampled_from([16, 400, size]))) - 1)))
        match draw(
            st.sampled_from(["flip", "flip", "cut", "write", "insert", "remove", "foreign"])
        ):
            case "flip" if size:
                content[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del content[at:]
            case "write":
                some = draw(st.binary(max_size=16))
                content[at : at + len(some)] = some
            case "insert":
                content[at:at] = draw(st.binary(max_size=16))
            case "remove":
                del content[at : at + 8]
            case "foreign":
                if draw(st.integers(0, 9)) == 0:
                    content = bytearray(draw(st.binary(max_size=64)))
    return bytes(content)
