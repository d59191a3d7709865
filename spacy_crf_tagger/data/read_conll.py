"""Read tokens with tags, as the CoNLL shared tasks have them."""

from typing import Iterator

from spacy.tokens import Doc
from spacy.vocab import Vocab

from .columns import survey
from .reading import Lines, Log
from .sentences import SentenceReader
from .tagged import read_tagged


def read_conll(
    lines: Lines,
    vocab: Vocab,
    log: Log,
    *,
    n_sents: int = 1,
    label_column: int = -1,
) -> Iterator[Doc]:
    """Read one token a line: the token, other columns, and a tag in IOB1, IOB2, BILUO,
    BIOES or BMES, separated by tabs or by blanks. Blank lines end sentences,
    `-DOCSTART-` lines end documents, lines such as `# text = …` are comments. `-`, `?`
    or an empty tag stand for missing annotation. Files with a sentence a line, of
    `word|tag` or `word|pos|tag`, are read as well.

    lines (Callable[[], Iterator[Tuple[int, str]]]): Gives the numbered lines, each time
        anew: they are read three times, to find out the columns and the scheme first.
    vocab (Vocab): The vocabulary for the documents.
    log (Log): Where to report what could not be read. Such tags become missing
        annotation, and so do entities that may go on in one. A tag out of sequence is
        reported, and read as the start of an entity.
    n_sents (int): Sentences to put into one Doc; 0 for all of a document. Those of
        different documents are never put together.
    label_column (int): The column of the tag, from 0, or from -1 backwards.
    YIELDS (Doc): The documents.
    """
    reader = SentenceReader(survey(lines()), label_column)
    yield from read_tagged(lambda _: reader.read(lines()), vocab, log, n_sents=n_sents)
