"""The exception for users' mistakes, and the parts of its messages."""

import difflib
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation


class TTOError(Exception):
    """Bad input or a failed precondition.

    Its message is a single line that says what was expected, what came, and what to do about it.
    Workflow jobs print only that line; every other exception is a bug and keeps its traceback.

    Args:
        message: the line; line breaks and control characters of what came are written as `\\n`.
    """

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in message))


def one_line(error: BaseException, *, most: int | None = 200) -> str:
    """The message of an exception as one line; its class where it has no message.

    Args:
        error: an exception, usually of another library.
        most: largest number of characters to keep; None keeps all.
    """
    return " ".join(str(error).split())[:most] or type(error).__name__


def shown(value: object, *, most: int = 80) -> str:
    """A value that came, as Python writes it, on one line and cut where it is long."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a number of too many digits, a value in itself, a foreign object
        return f"a {type(value).__name__}"
    return text if len(text) <= most else f"{text[:most]}..."


def suggestion(unknown: str, known: Sequence[str]) -> str:
    """The end of an error line about an unknown name: the nearest known name, or all in order."""
    nearest = difflib.get_close_matches(unknown, known, n=1, cutoff=0.5)
    if nearest:
        return f"; did you mean {nearest[0]!r}?"
    return f"; known are {', '.join(known)}" if known else ""


def number_meant(value: object) -> str:
    """The end of an error line about a value of a wrong type: the form in which it is a number.

    `1e-3` is text in YAML 1.1, and 2.0 is no integer.
    """
    if isinstance(value, float) and value.is_integer():
        return f"; write {int(value)}" if abs(value) < 1e20 else ""
    if isinstance(value, str):
        try:
            number = Decimal(value)
        except InvalidOperation:
            return ""
        # a number of as many digits as its exponent says would fill the screen
        if number.is_finite() and abs(number.adjusted()) < 20:
            return f"; write {number:f}"
    return ""
