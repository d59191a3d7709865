"""Count the tags of words, and find what a tagger cannot learn from them."""

from collections import Counter
from typing import Any, Dict, List, Optional

from spacy.tokens import Doc

from .corpus_reading import Located
from .entity_comparison import MOST_AMBIGUOUS, label_shift
from .findings import Finding


class TagCounts:
    """What is known of the tags of a part of the data. It grows with the vocabulary."""

    def __init__(self, part: str, attribute: str) -> None:
        """Start with no document.

        part (str): The name of the part.
        attribute (str): `"TAG"` or `"POS"`.
        """
        self.part = part
        self.attribute = attribute
        self.n_tokens = 0
        self.tags: Counter[str] = Counter()
        self.words: Dict[str, Counter[str]] = {}

    def add(self, located: Located) -> None:
        """Count the tags of a document.

        located (Located): The document.
        """
        if located.example is None:
            return
        doc: Doc = located.reference
        self.n_tokens += len(doc)
        for token in doc:
            tag = token.tag_ if self.attribute == "TAG" else token.pos_
            if tag:
                self.tags[tag] += 1
                self.words.setdefault(token.text, Counter())[tag] += 1


def compare_tags(train: TagCounts, dev: TagCounts) -> Dict[str, Any]:
    """Compare the tags of two parts.

    train (TagCounts): The part that is learned from.
    dev (TagCounts): The part that is evaluated on.
    RETURNS (Dict[str, Any]): The number of tags, the share of the tokens of train whose
        word has several tags there, that of the tokens of dev whose word is not in
        train, the label shift, and the most common words with several tags.
    """
    ambiguous = {w: tags for w, tags in train.words.items() if len(tags) > 1}
    common = sorted(ambiguous.items(), key=lambda item: (-sum(item[1].values()), item))
    unseen = sum(
        sum(tags.values()) for w, tags in dev.words.items() if w not in train.words
    )
    n_ambiguous = sum(sum(tags.values()) for tags in ambiguous.values())
    return {
        "attribute": train.attribute,
        "tags": {
            "train": dict(train.tags.most_common()),
            "dev": dict(dev.tags.most_common()),
        },
        "ambiguous_tokens": _share(n_ambiguous, train.tags),
        "unseen_tokens": _share(unseen, dev.tags),
        "label_shift": label_shift(train.tags, dev.tags),
        "ambiguous_words": [
            {"form": word, "labels": dict(tags.most_common())}
            for word, tags in common[:MOST_AMBIGUOUS]
        ],
    }


def check_tags(train: TagCounts, dev: TagCounts) -> List[Finding]:
    """Check the tags of the two parts of the data.

    train (TagCounts): The part that is learned from.
    dev (TagCounts): The part that is evaluated on.
    RETURNS (List[Finding]): What is found.
    """
    findings = []
    for counts in (train, dev):
        part, n_missing = counts.part, counts.n_tokens - sum(counts.tags.values())
        if not counts.tags:
            message = f"No tags ({counts.attribute}) in {part}"
            findings.append(Finding("no-tags", True, part, 0, message))
        elif n_missing:
            message = f"{n_missing} tokens of {part} without a tag ({counts.attribute})"
            advice = "Nothing is learned from them."
            findings.append(
                Finding("missing-tags", False, part, n_missing, message, advice)
            )
    for tag, count in dev.tags.most_common():
        if tag not in train.tags:
            message = f"Tag '{tag}' of dev ({count}) is not in train"
            advice = "It cannot be predicted."
            findings.append(Finding("unknown-tag", True, "dev", count, message, advice))
    return findings


def _share(count: int, tags: Counter[str]) -> Optional[float]:
    total = sum(tags.values())
    return count / total if total else None
