"""What the fuzzing makes is itself harmless."""

from hostile import VALUES
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(VALUES, min_size=40, max_size=40))
def test_no_value_is_used_twice(values):
    """A list that is put into itself would be endless."""
    containers = [id(value) for value in values if isinstance(value, list | dict)]
    assert len(set(containers)) == len(containers)
