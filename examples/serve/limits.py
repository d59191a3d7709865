"""What the service refuses, before it takes memory or time."""

import os
from dataclasses import dataclass, fields

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# JSON may write a character in 12 bytes, as "\ud83d\ude80".
BYTES_OF_A_CHARACTER = 12


@dataclass(frozen=True)
class Limits:
    """Limits on the length of requests and on the load. Environment variables of the
    same name in capitals, such as MAX_TEXTS, change them.

    max_characters (int): The most that the texts of a request have together.
    max_texts (int): The most texts of a request.
    max_waiting_characters (int): The most that all requests have together that wait or
        are computed. What the machine reads in some seconds is a good choice.
    """

    max_characters: int = 100_000
    max_texts: int = 1_000
    max_waiting_characters: int = 1_000_000

    @classmethod
    def from_environment(cls) -> "Limits":
        """Read the limits that environment variables set.

        RETURNS (Limits): These limits, and the defaults of the others.
        RAISES (ValueError): If one is no number above 0.
        """
        limits = {}
        for field in fields(cls):
            value = os.environ.get(field.name.upper())
            if value is None:
                continue
            if not value.isdecimal() or int(value) == 0:
                raise ValueError(
                    f"The environment variable {field.name.upper()} is {value!r}. Set "
                    "it to a whole number above 0."
                )
            limits[field.name] = int(value)
        return cls(**limits)

    @property
    def max_bytes(self) -> int:
        """RETURNS (int): More than any request needs that keeps the other limits."""
        return BYTES_OF_A_CHARACTER * self.max_characters + 10 * self.max_texts + 1_000

    def check(self, texts: list[str]) -> None:
        """Refuse texts that are too many or too long.

        texts (list[str]): The texts of a request.
        RAISES (HTTPException): 413, if they are.
        """
        characters = sum(map(len, texts))
        if len(texts) > self.max_texts:
            raise HTTPException(
                413, f"{len(texts)} texts; a request may have {self.max_texts}."
            )
        if characters > self.max_characters:
            raise HTTPException(
                413,
                f"The texts have {characters} characters; those of a request may have "
                f"{self.max_characters}. Divide them among several requests.",
            )


class LimitedBody:
    """Middleware that ends the reading of a request's body where it becomes too long.

    app (ASGIApp): What reads it.
    max_bytes (int): The most bytes of a body.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        n_bytes = 0

        async def receive_some() -> Message:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > self.max_bytes:
                raise HTTPException(
                    413, f"A request may have {self.max_bytes} bytes. Divide the texts."
                )
            return message

        await self.app(scope, receive_some, send)
