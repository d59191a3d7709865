"""Read the tables of word clusters that the package spacy-lookups-data has."""

from typing import Any, Dict, List, cast

from spacy.util import load_language_data, registry

TABLE = "lexeme_cluster"
PACKAGE = "spacy-lookups-data"
_INSTALL = "pip install 'spacy-crf-tagger[lookups]'"


def read_cluster_numbers(lang: str) -> Dict[str, int]:
    """Read the number of each word's cluster.

    lang (str): The code of the language.
    RETURNS (Dict[str, int]): The numbers; 0 stands for no cluster.
    RAISES (ValueError): If there is no such table.
    """
    tables: Dict[str, Any] = registry.lookups.get_all()
    table = tables.get(lang, {}).get(TABLE)
    if table is None:
        known = _languages(tables)
        raise ValueError(
            f"{PACKAGE} has no clusters of language {lang!r}, but of {', '.join(known)}"
            if known
            else f"this needs {PACKAGE}, which is not installed: {_INSTALL}"
        )
    numbers = cast(Dict[str, int], load_language_data(table))
    return {word: int(number) for word, number in numbers.items()}


def _languages(tables: Dict[str, Any]) -> List[str]:
    return sorted(lang for lang, names in tables.items() if TABLE in names)
