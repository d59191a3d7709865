"""Write tokens with tags in columns, as CoNLL-2003 has them."""

from typing import Dict, Iterable, Iterator, List, Set

from spacy.tokens import Doc
from spacy.util import filter_spans

from .annotation import RESPELT_LABELS, Annotated, Holds, Losses, respell

HOLDS = Holds(missing=True, sentences=True)
SPACES = "documents of which the blanks between tokens are known"
WHITESPACE = "tokens that are only whitespace"
RESPELT_TOKENS = "spellings of tokens, with _ for what ends a column or line"
INNER_STARTS = "starts of sentences within a span"
OVERLAPPING = "overlapping spans, of which the longest is written"

_DOCUMENT_START = "-DOCSTART-"
_BYTE_ORDER_MARK = "\ufeff"


def column_lines(documents: Iterable[Annotated], losses: Losses) -> Iterator[str]:
    """Write a token a line, with its tag in IOB2 after a tab. `-` is missing
    annotation, a blank line ends a sentence, and `-DOCSTART-` begins a document.

    documents (Iterable[Annotated]): The documents.
    losses (Losses): Where to count what columns cannot hold.
    YIELDS (str): The lines, with their ends.
    """
    for document in documents:
        doc = document.doc
        losses.add(SPACES, int(not doc.has_unknown_spaces))
        words = {token.i: token.text for token in doc if not token.text.isspace()}
        losses.add(WHITESPACE, len(doc) - len(words))
        spelt = {i: _spell_word(word) for i, word in words.items()}
        losses.add(RESPELT_TOKENS, sum(spelt[i] != words[i] for i in words))
        tags = _tags_of(document, spelt, losses)
        starts = _starts_of(doc)
        inner = {i for i in starts if tags.get(i, "").startswith("I-")}
        losses.add(INNER_STARTS, len(inner))
        yield f"{_DOCUMENT_START}\tO\n"
        # A sentence may start with whitespace, which is not written.
        is_start = True
        for token in doc:
            is_start = is_start or token.i in starts - inner
            if token.i in spelt:
                yield "\n" * is_start + f"{spelt[token.i]}\t{tags[token.i]}\n"
                is_start = False
        yield "\n"


def _spell_word(word: str) -> str:
    word = respell(word).replace("\0", "_")
    is_special = word.startswith((_DOCUMENT_START, _BYTE_ORDER_MARK))
    return f"_{word}" if is_special else word


def _starts_of(doc: Doc) -> Set[int]:
    if not doc.has_annotation("SENT_START"):
        return set()
    return {token.i for token in doc if token.is_sent_start is True}


def _tags_of(
    document: Annotated, words: Dict[int, str], losses: Losses
) -> Dict[int, str]:
    """RETURNS (Dict[int, str]): The tag of each token that is written."""
    doc = document.doc
    tags = {i: "-" if i in document.missing else "O" for i in words}
    spans = [doc[span.start : span.end] for span in document.spans]
    # Of the same span, the first label.
    kept = {(span.start, span.end) for span in filter_spans(spans)}
    n_kept = 0
    for span in document.spans:
        if (span.start, span.end) not in kept:
            continue
        kept.remove((span.start, span.end))
        n_kept += 1
        label = respell(span.label)
        losses.add(RESPELT_LABELS, int(label != span.label))
        written: List[int] = [i for i in range(span.start, span.end) if i in words]
        for i in written:
            tags[i] = f"{'B' if i == written[0] else 'I'}-{label}"
    losses.add(OVERLAPPING, len(spans) - n_kept)
    return tags
