"""Errors between processes."""

import pickle


def sendable(error: BaseException) -> BaseException:
    """Make an error that can be sent to another process.

    error (BaseException): The error.
    RETURNS (BaseException): The same error, or one with its message.
    """
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
