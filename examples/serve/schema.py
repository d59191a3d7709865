"""What a request holds, and what the answer to it does."""

from pydantic import BaseModel, ConfigDict, Field


class Query(BaseModel):
    """What is asked.

    texts (str | list[str]): One text, or several.
    """

    # A misspelt field is an error, not an empty answer.
    model_config = ConfigDict(extra="forbid")

    texts: str | list[str]

    def as_list(self) -> list[str]:
        """RETURNS (list[str]): The texts, also if it is one."""
        return [self.texts] if isinstance(self.texts, str) else self.texts


class Entity(BaseModel):
    """An entity.

    text (str): Its text.
    label (str): Its label.
    start (int): The number of its first character in the text, from 0.
    end (int): The number of the character behind its last.
    probability (float | None): That of exactly this span with exactly this label; None
        if something else than `crf_ner` has found it, such as an `entity_ruler`.
    """

    text: str
    label: str
    start: int
    end: int
    probability: float | None


class Document(BaseModel):
    """The answer to one text.

    entities (list[Entity]): Its entities.
    error (str | None): Why there are none, if the pipeline has failed.
    """

    entities: list[Entity] = Field(default_factory=list)
    error: str | None = None


class Answer(BaseModel):
    """The answer to a request.

    documents (list[Document]): One for each text, in their order.
    """

    documents: list[Document]
