"""Find and remove invisible characters."""

import unicodedata

# Controls, formats (zero-width spaces, soft hyphens, marks of direction), separators.
_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
# Fillers, the blank of Braille, joiners of graphemes and selectors of variants.
_OTHERS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
    + "".join(map(chr, range(0xFE00, 0xFE10)))
)


def is_invisible(character: str) -> bool:
    """Find out whether a character leaves no trace on a screen.

    character (str): A character.
    RETURNS (bool): Whether nobody sees it.
    """
    return (
        unicodedata.category(character) in _CATEGORIES
        or character in _OTHERS
        or character == "\ufeff"
    )


def strip_edges(text: str) -> str:
    """Take the invisible characters off both ends of a text.

    text (str): The text.
    RETURNS (str): The text from its first to its last visible character.
    """
    # Nearly all texts need no closer look.
    if text and "!" <= text[0] <= "~" and "!" <= text[-1] <= "~":
        return text
    start, end = 0, len(text)
    while start < end and is_invisible(text[start]):
        start += 1
    while end > start and is_invisible(text[end - 1]):
        end -= 1
    return text[start:end]


def clean_label(text: str) -> str:
    """Give a label the one spelling that stands for all those which Unicode counts as
    the same text, without what is invisible at its ends.

    text (str): The label as it is written.
    RETURNS (str): The label in Unicode's composed form; empty if nothing is visible.
    """
    return unicodedata.normalize("NFC", strip_edges(text))


def appearance(label: str) -> str:
    """Reduce a label to what tells it from others at a glance.

    label (str): The label.
    RETURNS (str): The same text for labels which differ only in case, in invisible
        characters, or in forms of the same characters.
    """
    visible = "".join(filter(lambda each: not is_invisible(each), label))
    return unicodedata.normalize("NFKC", visible).casefold()
