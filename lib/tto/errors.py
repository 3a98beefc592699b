"""The exception that users are meant to read, and other errors in one line."""


class TTOError(Exception):
    """Bad input or a failed precondition.

    Its message is a single line that says what was expected, what came, and what to do about it.
    Workflow jobs print that line alone; every other exception is a bug and keeps its traceback.
    """


def one_line(error: BaseException, *, most: int | None = 200) -> str:
    """The message of another library's error in one line.

    Args:
        most: characters of it that are kept; None keeps all.
    """
    return " ".join(str(error).split())[:most] or type(error).__name__
