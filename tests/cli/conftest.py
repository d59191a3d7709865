from typing import Callable, NamedTuple

import pytest
from spacy.cli._util import app as spacy_app
from typer.testing import CliRunner

import spacy_crf_tagger.cli  # noqa: F401 (adds the commands)


class Outcome(NamedTuple):
    exit_code: int
    output: str


Crf = Callable[..., Outcome]


@pytest.fixture
def crf() -> Crf:
    def invoke(*args: object) -> Outcome:
        result = CliRunner().invoke(spacy_app, ["crf", *map(str, args)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        # Messages are wrapped at the width of a terminal.
        return Outcome(result.exit_code, " ".join(result.output.split()))

    return invoke
