"""Read the documents of a corpus one by one, and say where each one stands."""

from pathlib import Path
from typing import Callable, Iterable, Iterator, List, NamedTuple, Optional
from warnings import catch_warnings, simplefilter

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example
from spacy.training.corpus import FILE_TYPE, walk_corpus

Reader = Callable[[Language], Iterable[Example]]


class Located(NamedTuple):
    """A document as training sees it.

    example (Optional[Example]): The document in the tokens of the pipeline, and its
        annotation; None if the reader leaves the document out.
    reference (Doc): The annotated document, or a sentence of it that the reader makes a
        document of.
    whole (Optional[Doc]): The document as it is in the file; None with all but the
        first of its sentences.
    file (str): The file, or the name of the corpus where its reader does not say.
    number (int): The number of the document in it, from 1.
    """

    example: Optional[Example]
    reference: Doc
    whole: Optional[Doc]
    file: str
    number: int


def read_located(reader: Reader, nlp: Language, name: str) -> Iterator[Located]:
    """Read a corpus, without what an augmenter would make of it.

    reader (Callable[[Language], Iterable[Example]]): The reader of the corpus.
    nlp (Language): The pipeline, for its tokenizer.
    name (str): The name of the corpus.
    YIELDS (Located): The documents; of one that the reader divides into sentences, the
        sentences, with the number of the document.
    RAISES (ValueError): If a file cannot be read.
    """
    if type(reader) is Corpus and reader.path is not None:
        yield from _read_corpus(reader, nlp)
        return
    for number, example in enumerate(reader(nlp), start=1):
        reference = example.reference
        yield Located(example, reference, reference, name, number)


def _read_corpus(corpus: Corpus, nlp: Language) -> Iterator[Located]:
    n_read = 0
    for path in _find_files(Path(corpus.path)):
        docs = _read_file(Path(path), nlp)
        for number, reference in enumerate(docs, start=1):
            if not len(reference):
                continue
            # As in spaCy's reader, of all files together.
            if 1 <= corpus.limit <= n_read:
                return
            n_read += 1
            make = (
                corpus.make_examples_gold_preproc
                if corpus.gold_preproc
                else corpus.make_examples
            )
            whole: Optional[Doc] = reference
            for example in make(nlp, [reference]):
                yield Located(example, example.reference, whole, str(path), number)
                whole = None
            if whole is not None:
                yield Located(None, reference, whole, str(path), number)


def _find_files(path: Path) -> List[Path]:
    if not path.exists():
        raise ValueError(f"{path} does not exist.")
    with catch_warnings():
        simplefilter("ignore")  # of no files, which are an error here
        files = [Path(found) for found in walk_corpus(path, FILE_TYPE)]
    if not files:
        raise ValueError(
            f"{path} is no {FILE_TYPE} file, and holds none. Make one by `python -m "
            "spacy crf convert`."
        )
    return files


def _read_file(path: Path, nlp: Language) -> Iterator[Doc]:
    try:
        yield from DocBin().from_disk(path).get_docs(nlp.vocab)
    except Exception as error:
        # Other files than DocBins fail in whatever way they are decoded.
        raise ValueError(
            f"{path} cannot be read as a .spacy file: {error}. Make one by `python -m "
            "spacy crf convert`."
        ) from error
