"""The attribute of tokens that is predicted, read and written."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from spacy import attrs
from spacy.parts_of_speech import IDS
from spacy.tokens import Doc, Token
from spacy.training import Example

# Numbers of strings in spaCy's StringStore; 0 where nothing is set.
Ids = NDArray[np.uint64]


class TokenAttribute:
    """An attribute whose values are strings: `TAG`, `POS` or an extension attribute."""

    def __init__(self, name: str) -> None:
        """Create the attribute.

        name (str): `"TAG"`, `"POS"`, or the name of an extension attribute behind
            `"_."`.
        """
        self.name = name
        self._extension = name[2:] if name.startswith("_.") else None
        # Numbers are looked up faster than names.
        self._id = attrs.IDS.get(name, 0)

    def is_set(self, doc: Doc) -> bool:
        """RETURNS (bool): Whether any token may have a value."""
        return self._extension is not None or bool(doc.has_annotation(self._id))

    def read(self, doc: Doc) -> Ids:
        """Read what is set.

        doc (Doc): The document.
        RETURNS (NDArray[uint64]): The value of each token as number in the string
            store, [N]; 0 where none is set.
        RAISES (ValueError): For an extension attribute that is not registered, or
            whose values are no strings.
        """
        if self._extension is None:
            if not self.is_set(doc):
                return np.zeros(len(doc), dtype=np.uint64)
            return cast(Ids, doc.to_array(self._id))
        self._require_extension()
        values = [token._.get(self._extension) for token in doc]
        wrong = [v for v in values if v is not None and not isinstance(v, str)]
        if wrong:
            raise ValueError(
                f"the extension attribute '{self.name}' of a token is {wrong[0]!r}, "
                "but must be a string or None."
            )
        add = doc.vocab.strings.add
        ids = [add(value) if value else 0 for value in values]
        return np.array(ids, dtype=np.uint64)

    def read_aligned(self, example: Example) -> Ids:
        """Read the annotation of predicted tokens.

        example (Example): The example.
        RETURNS (NDArray[uint64]): The value that the tokens of the reference document
            have which a predicted token is aligned with, [N]; 0 where there is none, or
            they do not agree.
        """
        x, y = example.x, example.y
        theirs = self.read(y)
        same = len(x) == len(y) and (x.to_array("ORTH") == y.to_array("ORTH")).all()
        if same:
            return theirs
        aligned = np.zeros(len(x), dtype=np.uint64)
        x2y = example.alignment.x2y
        lengths = np.asarray(x2y.lengths)
        with_any = np.flatnonzero(lengths)
        if len(with_any):
            values = theirs[np.asarray(x2y.data)]
            first = (np.cumsum(lengths) - lengths)[with_any]
            lowest = np.minimum.reduceat(values, first)
            agree = lowest == np.maximum.reduceat(values, first)
            aligned[with_any] = np.where(agree, lowest, 0)
        return aligned

    def write(self, doc: Doc, ids: Ids) -> None:
        """Set the attribute of all tokens.

        doc (Doc): The document.
        ids (NDArray[uint64]): The value of each token as number in the string store,
            [N].
        """
        if not len(doc):
            return
        if self._extension is None:
            doc.from_array([self._id], cast(Any, np.ascontiguousarray(ids[:, None])))
            return
        self._require_extension()
        strings = doc.vocab.strings
        for token, number in zip(doc, ids.tolist(), strict=True):
            token._.set(self._extension, strings[number])

    def allows(self, label: str) -> bool:
        """RETURNS (bool): Whether the attribute can have a value."""
        return self.name != "POS" or label in _PARTS_OF_SPEECH

    def _require_extension(self) -> None:
        if not Token.has_extension(self._extension or ""):
            raise ValueError(
                f"there is no extension attribute '{self.name}'. Register it before: "
                f'Token.set_extension("{self._extension}", default=None).'
            )


_PARTS_OF_SPEECH = frozenset(name for name in IDS if name)
