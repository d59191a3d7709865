"""Words in pieces that are known: the longest beginning, and then the longest
continuation each time, as WordPiece does (Wu et al. 2016).

A table of word vectors that `spacy crf vectors` has made holds pieces under keys of
their own, so that a word without a vector has one that its pieces make.
"""

import unicodedata
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

CONTINUED = "##"
# The key that says that a table has pieces. No token is written like this.
MARK = "## has pieces ##"
# What is longer (links, encoded data) has to do with the beginning.
_MOST_OF_A_WORD = 64
_LONGEST_PIECE = 32

# The number of each piece, and None for what only longer ones begin with.
_Tree = Dict[str, Optional[int]]


class PieceIndex:
    """Pieces, and how words are split into them."""

    def __init__(self, pieces: Iterable[Tuple[str, int]]) -> None:
        """Index pieces.

        pieces (Iterable[Tuple[str, int]]): Pieces, with the numbers that stand for
            them: `"king"` is a beginning, `"##dom"` a continuation.
        """
        self._beginnings: _Tree = {}
        self._continuations: _Tree = {}
        for piece, number in pieces:
            if piece.startswith(CONTINUED) and piece != CONTINUED:
                _add(self._continuations, piece[len(CONTINUED) :], number)
            else:
                _add(self._beginnings, piece, number)

    def split(self, word: str, without: str = "") -> List[int]:
        """Split a word. What is not known as it is written is looked for in lower case,
        then with a capital, and then in lower case without accents. After a punctuation
        mark or a symbol, and with it, a piece is a beginning.

        word (str): The word.
        without (str): A beginning that is not used.
        RETURNS (List[int]): The numbers of the pieces. Characters that no piece begins
            with are left out.
        """
        forms = _forms_of(word[:_MOST_OF_A_WORD])
        numbers: List[int] = []
        start = 0
        while start < len(forms[0]):
            trees = [self._continuations, self._beginnings]
            if start == 0 or any(map(_is_sign, word[start - 1 : start + 1])):
                trees.reverse()
            number, end = _find_longest(forms, start, trees, without)
            if number is not None:
                numbers.append(number)
            start = end
        return numbers


def _add(tree: _Tree, piece: str, number: int) -> None:
    if len(piece) <= _LONGEST_PIECE:
        tree[piece] = number
        for end in range(len(piece) - 1, 0, -1):
            if piece[:end] in tree:
                break
            tree[piece[:end]] = None


def _find_longest(
    forms: Sequence[str], start: int, trees: Sequence[_Tree], without: str
) -> Tuple[Optional[int], int]:
    """RETURNS (Tuple[Optional[int], int]): The number of the longest piece, and where
    it ends; the next character if there is none.
    """
    for tree in trees:
        found, found_end = None, start
        for form in forms:
            for end in range(start + 1, len(form) + 1):
                piece = form[start:end]
                if piece not in tree:
                    break
                number = tree[piece]
                if number is not None and end > found_end and piece != without:
                    found, found_end = number, end
        if found is not None:
            return found, found_end
    return None, start + 1


def _forms_of(word: str) -> List[str]:
    """RETURNS (List[str]): A word as it is, in lower case, with a capital and without
    accents, as far as these differ. All are equally long.
    """
    lowered = _lower(word)
    forms = [word, lowered, word[:1] + lowered[1:]]
    if not word.isascii():
        forms.append(_lower("".join(map(_without_accents, lowered))))
    return list(dict.fromkeys(forms))


def _lower(word: str) -> str:
    lowered = word.lower()
    if len(lowered) == len(word):
        return lowered
    # A few capitals are two characters in lower case.
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in word)


def _without_accents(char: str) -> str:
    parts = unicodedata.normalize("NFD", char)
    return parts[0] if all(map(unicodedata.combining, parts[1:])) else char


def _is_sign(char: str) -> bool:
    return unicodedata.category(char)[0] in "PS"
