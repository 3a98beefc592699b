"""The one exception that users are meant to read."""


class TTOError(Exception):
    """Bad input or a failed precondition.

    Its message is a single line that says what was expected, what came, and what to do about it.
    Workflow jobs print that line alone; every other exception is a bug and keeps its traceback.
    """
