"""Make documents of sentences of tokens with tags, of whatever format."""

from bisect import bisect_left
from typing import Callable, Iterable, Iterator, List, Tuple, Union

from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from .iob import Entities, closest_scheme, find_violations, read_entities
from .reading import Log, Problem
from .sentences import Sentence

INVALID_SEQUENCE = "tag out of sequence"
COMMENTS = "Passed over comments"
TRIMMED = "Read tags without the invisible characters around them"
DOUBTFUL = "Left out entities that may go on in a tag that is missing or unreadable"

# In the user data of a Doc: the one before it is of the same document of the file.
CONTINUES = "continues_document"

_Annotated = Tuple[Sentence, Entities]


def read_tagged(
    read: Callable[[Log], Iterable[Sentence]],
    vocab: Vocab,
    log: Log,
    *,
    n_sents: int = 1,
) -> Iterator[Doc]:
    """Make documents of sentences in IOB1, IOB2, BILUO, BIOES or BMES.

    read (Callable[[Log], Iterable[Sentence]]): Reads the sentences of a file, each time
        anew, and reports what it cannot read to a log: they are read twice, to find out
        the scheme first.
    vocab (Vocab): The vocabulary for the documents.
    log (Log): Where to report what could not be read. Such tags become missing
        annotation, and so do entities that may go on in one. A tag out of sequence is
        reported, and read as the start of an entity.
    n_sents (int): Sentences to put into one Doc; 0 for all of a document. Those of
        different documents are never put together.
    YIELDS (Doc): The documents.
    """
    scheme = closest_scheme(sentence.tags for sentence in read(Log()))
    with_starts = n_sents != 1
    group: List[_Annotated] = []
    has_documents = continues = False
    for sentence in read(log):
        entities = read_entities(sentence.tags, scheme)
        _report(sentence, entities, scheme, log)
        if group and (len(group) == n_sents or sentence.starts_document):
            yield _make_doc(vocab, group, with_starts, continues=continues)
            group = []
            continues = has_documents
        if sentence.starts_document:
            has_documents, continues = True, False
        # Lines without a token may be all there is.
        if any(sentence.words):
            group.append((sentence, entities))
    if group:
        yield _make_doc(vocab, group, with_starts, continues=continues)


def _report(sentence: Sentence, entities: Entities, scheme: str, log: Log) -> None:
    """Put what there is to say about a sentence into the log, by line."""
    problems = sentence.problems
    for i in find_violations(sentence.tags, scheme):
        problems.append(_describe_violation(sentence, i, scheme))
    for problem in sorted(problems):
        log.report(problem)
    for line in sentence.trimmed:
        log.note(TRIMMED, line)
    for line in sentence.comments:
        log.note(COMMENTS, line)
    for start, _ in entities.doubtful:
        log.note(DOUBTFUL, sentence.lines[start])
    for start, _, label in entities.spans:
        log.see_label(label, sentence.lines[start])


def _describe_violation(sentence: Sentence, i: int, scheme: str) -> Problem:
    words, tags, lines = sentence.words, sentence.tags, sentence.lines
    if i == len(tags):
        text = f"{words[-1]!r} {tags[-1]} at the end of a sentence"
        return Problem(lines[-1], INVALID_SEQUENCE, f"{text} ({scheme})")
    where = f"after {tags[i - 1]}" if i else "at the start of a sentence"
    text = f"{words[i]!r} {tags[i]} {where} ({scheme})"
    return Problem(lines[i], INVALID_SEQUENCE, text)


def _make_doc(
    vocab: Vocab, group: List[_Annotated], with_starts: bool, *, continues: bool
) -> Doc:
    words: List[str] = []
    spaces: List[bool] = []
    starts: List[Union[bool, int, None]] = []
    spans: List[Tuple[int, int, str]] = []
    missing: List[int] = []
    for sentence, entities in group:
        offset = len(words)
        present = [word for word in sentence.words if word is not None]
        words.extend(present)
        spaces.extend(sentence.spaces)
        starts.extend(i == 0 for i in range(len(present)))
        # Where lines have no token, the tags are ahead of the Doc.
        lost = [i for i, word in enumerate(sentence.words) if word is None]

        def place(i: int, offset: int = offset, lost: List[int] = lost) -> int:
            return offset + i - bisect_left(lost, i)

        for start, end, label in entities.spans:
            spans.append((place(start), place(end), label))
        for start, end in entities.doubtful:
            missing.extend(range(place(start), place(end)))
        for i, tag in enumerate(sentence.tags):
            if tag.position in "?!" and sentence.words[i] is not None:
                missing.append(place(i))
    are_known = len(spaces) == len(words)
    doc = Doc(
        vocab,
        words=words,
        spaces=spaces if are_known else None,
        sent_starts=starts if with_starts else None,
    )
    doc.set_ents(
        [Span(doc, start, end, label=label) for start, end, label in spans],
        missing=[doc[i : i + 1] for i in missing],
        default="outside",
    )
    if continues:
        doc.user_data[CONTINUES] = True
    return doc
