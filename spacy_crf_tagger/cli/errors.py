"""End a command with a message instead of a traceback."""

from contextlib import contextmanager
from typing import Iterator, Type

from wasabi import msg


@contextmanager
def explained(title: str, *errors: Type[Exception]) -> Iterator[None]:
    """End the command, with what is wrong, if an exception is raised in the context.

    title (str): What cannot be done.
    *errors (Type[Exception]): The exceptions that say why.
    """
    try:
        yield
    except errors as error:
        msg.fail(title, error, exits=1)
