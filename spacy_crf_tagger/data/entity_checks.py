"""Find what is wrong with annotated entities before a pipeline is trained on them."""

from typing import Iterator, List, Optional, Sequence

from .entity_comparison import expected_shift, label_shift
from .entity_counts import EntityCounts
from .findings import Finding, Places

# As in `spacy debug data`.
LOW_COUNT = 50
FEWEST_DOCS = 100
# A label shift that is worth a word, and is no accident of small numbers.
LARGE_SHIFT = 0.1
TIMES_CHANCE = 3.0


def check_entities(
    train: EntityCounts,
    dev: EntityCounts,
    *,
    knows_sentences: bool = False,
    configured: Optional[Sequence[str]] = None,
    learned: Sequence[str] = (),
) -> List[Finding]:
    """Check the entities of the two parts of the data.

    train (EntityCounts): The part that is learned from.
    dev (EntityCounts): The part that is evaluated on.
    knows_sentences (bool): Whether a component before sets sentence starts.
    configured (Optional[Sequence[str]]): The labels that the config gives, if it does.
    learned (Sequence[str]): The labels of a component that is trained further.
    RETURNS (List[Finding]): What is found, first what does harm.
    """
    findings = [
        *_check_sizes(train),
        *_check_sizes(dev),
        *_check_spans(train, knows_sentences),
        *_check_spans(dev, knows_sentences),
        *_check_texts(train, dev),
        *_check_labels(train, dev, configured, learned),
        *_check_shift(train, dev),
    ]
    return sorted(findings, key=lambda finding: not finding.harm)


def _check_sizes(counts: EntityCounts) -> Iterator[Finding]:
    part = counts.part
    if not counts.n_docs:
        yield Finding("no-documents", True, part, 0, f"No documents in {part}")
    elif not counts.n_entities:
        message = f"No entities in {counts.n_docs} documents of {part}"
        yield Finding("no-entities", True, part, counts.n_docs, message)
    elif part == "train" and counts.n_docs < FEWEST_DOCS:
        message = f"Low number of documents to train on ({counts.n_docs})"
        advice = f"Less than {FEWEST_DOCS} are rarely enough."
        yield Finding("few-documents", False, part, counts.n_docs, message, advice)
    if counts.n_docs_without_annotation:
        yield Finding(
            "no-annotation",
            False,
            part,
            counts.n_docs_without_annotation,
            f"{_documents(counts.n_docs_without_annotation)} of {part} without any "
            "annotation of entities",
            "Nothing is learned from them. If they have no entities, say so: "
            "doc.ents = [].",
        )
    yield from _of_places(
        "left-out",
        False,
        part,
        counts.left_out,
        f"{_documents(counts.left_out.count)} of {part} left out by the reader",
        "They have max_length tokens or more, and no sentences to be divided into.",
    )


def _check_spans(counts: EntityCounts, knows_sentences: bool) -> Iterator[Finding]:
    part = counts.part
    yield from _of_places(
        "misaligned",
        True,
        part,
        counts.misaligned,
        f"{_entities(counts.misaligned.count)} of {part} not aligned with tokens",
        "The tokenizer of the config splits the text elsewhere. They cannot be "
        "predicted, and nothing is learned from their tokens.",
    )
    yield from _of_places(
        "whitespace",
        True,
        part,
        counts.whitespace,
        f"{_entities(counts.whitespace.count)} of {part} with white space at an end",
        "No entity that starts with white space is predicted, and one that ends with "
        "it is wrong by that alone. Cut it off.",
    )
    yield from _of_places(
        "crossing",
        knows_sentences,
        part,
        counts.crossing,
        f"{_entities(counts.crossing.count)} of {part} across the start of a sentence",
        "They cannot be predicted, since a component of the pipeline sets sentence "
        "starts."
        if knows_sentences
        else "They cannot be predicted once a component before sets sentence starts.",
    )
    yield from _of_places(
        "negated",
        True,
        part,
        counts.negated,
        f"{_entities(counts.negated.count)} of {part} with a label like '!PERSON'",
        "This notation is no longer used: training stops at it. Put spans that are no "
        "entities into doc.spans, and name them by incorrect_spans_key.",
    )
    yield from _of_places(
        "long",
        False,
        part,
        counts.long,
        f"{_entities(counts.long.count)} of {part} longer than the window of "
        f"{counts.window} tokens",
        "The network never sees such an entity as a whole. Look whether it is one, and "
        "raise model.window if so.",
    )


def _check_texts(train: EntityCounts, dev: EntityCounts) -> Iterator[Finding]:
    differently = ""
    if dev.shared_differently:
        differently = f"; {dev.shared_differently} of them with other entities"
    yield from _of_places(
        "shared",
        True,
        "dev",
        dev.shared,
        f"{_documents(dev.shared.count)} of dev with a text of train{differently}",
        "Scores on what was learned say nothing. Take them out of one part.",
    )
    for counts in (train, dev):
        part = counts.part
        yield from _of_places(
            "contradicting",
            part == "train",
            part,
            counts.contradicting,
            f"{_documents(counts.contradicting.count)} of {part} with the text of an "
            "earlier one, and other entities",
            "At most one of them is right.",
        )
        yield from _of_places(
            "repeated",
            False,
            part,
            counts.repeated,
            f"{_documents(counts.repeated.count)} of {part} with the text and the "
            "entities of an earlier one",
            "They count more than others.",
        )


def _check_labels(
    train: EntityCounts,
    dev: EntityCounts,
    configured: Optional[Sequence[str]],
    learned: Sequence[str],
) -> Iterator[Finding]:
    known = {*train.labels, *learned}
    for label, count in dev.labels.most_common():
        if label not in known:
            message = f"Label '{label}' of dev ({count}) is not in train"
            advice = "It cannot be predicted, and all of its entities count as missed."
            yield Finding("unknown-label", True, "dev", count, message, advice)
    for label in sorted({*(configured or ()), *learned} - set(train.labels)):
        message = f"Label '{label}' of the pipeline is not in train"
        advice = "It is unlearned, or never learned."
        yield Finding("unused-label", False, "train", 0, message, advice)
    if configured is not None or learned:
        for label, count in train.labels.most_common():
            if label not in {*(configured or ()), *learned}:
                message = f"Label '{label}' of train ({count}) is new to the pipeline"
                advice = "It is added when it is first seen in training."
                yield Finding("new-label", False, "train", count, message, advice)
    for label, count in train.labels.most_common():
        if count > LOW_COUNT:
            continue
        message = f"Low number of entities with label '{label}' ({count})"
        advice = f"A label needs more than {LOW_COUNT} to be learned well."
        yield Finding("low-count", False, "train", count, message, advice)
        if train.n_docs > 1 and train.docs_by_label[label] == train.n_docs:
            message = f"No documents of train without label '{label}'"
            advice = "The pipeline learns that there always is one."
            yield Finding("always-there", False, "train", count, message, advice)


def _check_shift(train: EntityCounts, dev: EntityCounts) -> Iterator[Finding]:
    shift = label_shift(train.labels, dev.labels)
    chance = expected_shift(train.labels, dev.labels)
    if shift is None or chance is None:
        return
    if shift > max(LARGE_SHIFT, TIMES_CHANCE * chance):
        message = (
            f"Labels are distributed differently in train and dev: {shift:.0%} of the "
            f"entities would need another label ({chance:.0%} are to be expected by "
            "chance)"
        )
        advice = "The parts come from different sources. Split the data at random."
        yield Finding("label-shift", False, "dev", dev.n_entities, message, advice)


def _of_places(
    kind: str, harm: bool, part: str, places: Places, message: str, advice: str
) -> Iterator[Finding]:
    if places.count:
        yield Finding(kind, harm, part, places.count, message, advice, places.first)


def _documents(count: int) -> str:
    return "1 document" if count == 1 else f"{count} documents"


def _entities(count: int) -> str:
    return "1 entity" if count == 1 else f"{count} entities"
