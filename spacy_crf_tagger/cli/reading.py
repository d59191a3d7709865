"""What the readers of annotated files give: documents, and what was wrong."""

from dataclasses import dataclass, field
from typing import Dict, Iterator, List, NamedTuple, Tuple

from spacy.tokens import Doc


class Problem(NamedTuple):
    """Something in a file that could not be read as it stands.

    line (int): The number of the line, from 1.
    kind (str): What is wrong, in words that are the same for all such problems.
    text (str): What it is wrong with.
    """

    line: int
    kind: str
    text: str


@dataclass
class Reading:
    """What a file holds.

    docs (List[Doc]): The documents. Entities are set; tokens whose annotation could
        not be used are set to missing, so that nothing false is learnt from them.
    problems (List[Problem]): What could not be read, by line.
    left_out (Dict[str, List[int]]): The lines that the annotator did not accept, by
        the answer given.
    """

    docs: List[Doc] = field(default_factory=list)
    problems: List[Problem] = field(default_factory=list)
    left_out: Dict[str, List[int]] = field(default_factory=dict)

    @property
    def is_annotated(self) -> bool:
        """RETURNS (bool): Whether there is annotation to learn from at all."""
        return any(doc.has_annotation("ENT_IOB") for doc in self.docs)


def decode(data: bytes) -> str:
    """Decode the bytes of a file, with or without a byte-order mark.

    data (bytes): The bytes.
    RETURNS (str): The text.
    RAISES (ValueError): If they are not UTF-8. The message names the line.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        culprit = error.object[error.start : error.end]
        raise ValueError(f"line {line} is not UTF-8: {culprit!r}") from error


def numbered_lines(text: str) -> Iterator[Tuple[int, str]]:
    """Split a text at line feeds, which may follow carriage returns. Other characters
    that Unicode counts as line ends are left alone: they do occur within tokens.

    text (str): The text.
    YIELDS (Tuple[int, str]): Each line's number, from 1, and the line without its end.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        yield number, line.removesuffix("\r")
