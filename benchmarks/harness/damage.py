"""Damage annotation in ways that are known: labels, borders and whole entities."""

import random
from collections import Counter
from typing import NamedTuple

from spacy.tokens import Doc, Span

SHARE = 0.05


class Damage(NamedTuple):
    """A change of a document's entities.

    doc (int): The number of the document.
    kind (str): "label", "border", "removed" or "added".
    start (int): The first token that the change is about.
    end (int): The token behind the last.
    """

    doc: int
    kind: str
    start: int
    end: int


def damage(docs: list[Doc], seed: int, share: float = SHARE) -> list[Damage]:
    """Damage a share of the entities of documents, in place. Each kind is as likely:
    another label (where there are several), a border that is moved by one token, an
    entity that is removed, and an entity that is put where there is none, on as many
    tokens and with the label of another one.

    docs (list[Doc]): The documents.
    seed (int): Of the random numbers.
    share (float): The share of the entities.
    RETURNS (list[Damage]): The changes, in the order of the text.
    """
    rng = random.Random(seed)
    places = [(n, i) for n, doc in enumerate(docs) for i in range(len(doc.ents))]
    labels = sorted({ent.label_ for doc in docs for ent in doc.ents})
    kinds = ["border", "removed", "added"] + (["label"] if len(labels) > 1 else [])
    chosen = rng.sample(places, round(share * len(places)))
    ents = {n: list(docs[n].ents) for n in range(len(docs))}
    done = []
    for n, i in sorted(chosen):
        kind = rng.choice(kinds)
        ent = docs[n].ents[i]
        if kind == "added":
            done.append(_add(docs, ents, ent, rng))
            continue
        others = [e for e in ents[n] if e is not ent and e != ent]
        if kind == "border":
            moved = _move(ent, others, rng)
            kind, new = ("border", [moved]) if moved is not None else ("removed", [])
        elif kind == "label":
            label = rng.choice([each for each in labels if each != ent.label_])
            new = [Span(docs[n], ent.start, ent.end, label)]
        else:
            new = []
        ents[n] = others + new
        extent = [*new, ent]
        start, end = min(e.start for e in extent), max(e.end for e in extent)
        done.append(Damage(n, kind, start, end))
    for n, doc in enumerate(docs):
        doc.set_ents(ents[n], default="outside")
    return sorted(done)


def counts(done: list[Damage]) -> dict[str, int]:
    """RETURNS (dict[str, int]): How many changes there are of each kind."""
    return dict(sorted(Counter(each.kind for each in done).items()))


def _move(ent: Span, others: list[Span], rng: random.Random) -> Span | None:
    """RETURNS (Span | None): The entity with one border moved by a token; None if no
    border of it can be moved.
    """
    taken = {i for other in others for i in range(other.start, other.end)}
    extents = [
        (ent.start - 1, ent.end),
        (ent.start + 1, ent.end),
        (ent.start, ent.end - 1),
        (ent.start, ent.end + 1),
    ]
    possible = [
        (start, end)
        for start, end in extents
        if 0 <= start < end <= len(ent.doc)
        and not taken.intersection(range(start, end))
        and not any(token.is_space for token in ent.doc[start:end])
    ]
    if not possible:
        return None
    start, end = rng.choice(possible)
    return Span(ent.doc, start, end, ent.label_)


def _add(
    docs: list[Doc], ents: dict[int, list[Span]], like: Span, rng: random.Random
) -> Damage:
    """Put an entity where there is none."""
    while True:
        n = rng.randrange(len(docs))
        length = len(like)
        if len(docs[n]) < length:
            continue
        start = rng.randrange(len(docs[n]) - length + 1)
        span = docs[n][start : start + length]
        own = {i for e in (*ents[n], *docs[n].ents) for i in range(e.start, e.end)}
        words = [token for token in span if not token.is_punct and not token.is_space]
        if own.isdisjoint(range(start, start + length)) and len(words) == length:
            ents[n].append(Span(docs[n], start, start + length, like.label_))
            return Damage(n, "added", start, start + length)
