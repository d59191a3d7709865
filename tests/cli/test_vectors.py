import json
import random
import shutil
import sys
from string import ascii_lowercase

import numpy as np
import pytest
import spacy
import torch
from scipy.spatial.distance import pdist
from spacy.tokens import Doc, DocBin

from spacy_crf_tagger.models.piece_lookup import find_piece_rows
from spacy_crf_tagger.models.piece_split import MARK
from tests.helpers.component import (
    SMALL_TOK2VEC,
    entities,
    fit,
    make_examples,
    make_nlp,
)
from tests.helpers.encoder import minilm_folder, needs_minilm
from tests.helpers.transformer import (
    save_letters,
    save_sentence_pieces,
    save_tiny_encoder,
    save_tiny_encoder_decoder,
)

pytestmark = pytest.mark.transformers

ENCODER_WIDTH = 32
RNG = random.Random(0)
WORDS = ["Ada中", *("".join(RNG.choices(ascii_lowercase, k=n)) for n in range(1, 41))]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return save_tiny_encoder(tmp_path_factory.mktemp("encoders") / "bert")


@pytest.fixture(scope="module")
def encoder_decoder(tmp_path_factory):
    return save_tiny_encoder_decoder(tmp_path_factory.mktemp("encoders") / "bart")


@pytest.fixture
def write_words(tmp_path):
    def write(words, name="words.txt"):
        path = tmp_path / name
        path.write_bytes("\n".join(words).encode("utf8"))
        return path

    return write


@pytest.fixture
def write_docs(tmp_path):
    def write(name, *docs):
        path = tmp_path / name
        vocab = spacy.blank("en").vocab
        DocBin(docs=[Doc(vocab, words=words) for words in docs]).to_disk(path)
        return path

    return write


@pytest.fixture
def output(tmp_path):
    return tmp_path / "new" / "vectors"


def keys_of(path):
    vocab = spacy.load(path).vocab
    return {vocab.strings[key] for key in vocab.vectors}


def vectors_of(path, words):
    vectors = spacy.load(path).vocab.vectors
    return np.stack([vectors[word] for word in words])


def encode_alone(folder, word):
    """The mean of the last layer between [CLS] and [SEP], but for unknown pieces."""
    import transformers

    tokenizer = transformers.BertTokenizerFast.from_pretrained(folder)
    model = transformers.BertModel.from_pretrained(folder).eval()
    pieces = ["[CLS]", *tokenizer.tokenize(word), "[SEP]"]
    own = [n for n, piece in enumerate(pieces) if not piece.startswith("[")]
    with torch.no_grad():
        [states] = model(
            torch.tensor([tokenizer.convert_tokens_to_ids(pieces)])
        ).last_hidden_state
    return states[own].mean(dim=0).numpy()


@pytest.mark.parametrize(
    ("words", "width"), [(WORDS, ENCODER_WIDTH), (WORDS[:10], 9)], ids=["many", "few"]
)
def test_all_components_keep_the_distances(
    crf, encoder, write_words, output, words, width
):
    options = ("--words", write_words(words), "--no-pieces")
    exit_code, text = crf("vectors", encoder, output, *options)
    assert exit_code == 0, text
    assert f"The vectors have a width of {width}, not 200" in text
    assert f"Made {len(words)} vectors of width {width}" in text
    assert keys_of(output) == set(words)
    vectors = vectors_of(output, words)
    assert vectors.shape == (len(words), width)
    assert vectors.dtype == np.float32
    alone = np.stack([encode_alone(encoder, word) for word in words])
    factors = pdist(vectors) / pdist(alone)
    np.testing.assert_allclose(factors, factors.mean(), rtol=1e-4)


def test_fewer_components_are_the_first_ones(crf, encoder, write_words, tmp_path):
    path = write_words(WORDS)
    by_width = {}
    for width in (5, ENCODER_WIDTH):
        folder = tmp_path / str(width)
        crf("vectors", encoder, folder, "--words", path, "--width", width)
        by_width[width] = vectors_of(folder, WORDS).astype(np.float64)
    few, every = by_width.values()
    assert few.shape == (len(WORDS), 5)
    scale = np.sqrt(np.square(every[:, :5]).mean())
    np.testing.assert_allclose(few, every[:, :5] / scale, atol=1e-5)
    np.testing.assert_allclose(few.mean(axis=0), 0.0, atol=1e-5)
    covariance = few.T @ few / len(WORDS)
    variances = np.diag(covariance)
    assert (np.diff(variances) < 0).all()
    assert variances.mean() == pytest.approx(1.0, rel=1e-5)
    np.testing.assert_allclose(covariance, np.diag(variances), atol=1e-5)


def test_encoder_of_bytes_that_has_a_decoder(crf, encoder_decoder, write_words, output):
    words = write_words(["ab", "abc", "b", "cab"])
    exit_code, text = crf("vectors", encoder_decoder, output, "--words", words)
    assert exit_code == 0, text
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(encoder_decoder)
    model = transformers.BartModel.from_pretrained(encoder_decoder).eval().encoder
    pieces = [["Ġab"], ["Ġab", "c"], ["Ġ", "b"], ["Ġ", "c", "ab"]]
    with torch.no_grad():
        states = [
            model(torch.tensor([tokenizer.convert_tokens_to_ids(each)]))[0][0]
            for each in pieces
        ]
    alone = np.stack([of_word.mean(dim=0).numpy() for of_word in states])
    factors = pdist(vectors_of(output, ["ab", "abc", "b", "cab"])) / pdist(alone)
    np.testing.assert_allclose(factors, factors.mean(), rtol=1e-4)


def test_words_come_from_everywhere(crf, encoder, write_docs, write_words, output):
    docs = [
        write_docs("a.spacy", ["Ada", "ada", "\n", "left"], [], ["left", " "]),
        write_docs("b.spacy", ["\u3000", "left", "Rome"]),
    ]
    lists = write_words(["\ufeffBern\r", "", " \t", "Rome ", "rome"])
    options = (*docs, "--words", lists, "--no-pieces")
    exit_code, text = crf("vectors", encoder, output, *options)
    assert exit_code == 0, text
    assert keys_of(output) == {"Ada", "ada", "left", "Rome", "rome", "Bern"}


def test_the_same_words_give_the_same_files(crf, encoder, write_docs, tmp_path):
    docs = [write_docs(f"{half}.spacy", WORDS[half::2]) for half in (0, 1)]
    folders = [tmp_path / name for name in ("first", "second")]
    for folder, files in zip(folders, (docs, docs[::-1]), strict=True):
        assert crf("vectors", encoder, folder, *files).exit_code == 0
    first, second = (
        {
            path.relative_to(folder): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        for folder in folders
    )
    assert first == second


def test_words_that_the_tokenizer_does_not_know(crf, encoder, write_words, output):
    words = write_words(["left", "Rome", "Ł", "\u200d", "中a"])
    options = ("--words", words, "--no-pieces")
    exit_code, text = crf("vectors", encoder, output, *options)
    assert exit_code == 0
    assert keys_of(output) == {"left", "Rome", "中a"}
    assert "2 of 5 words have no vector" in text
    assert r"'Ł', '\u200d'" in text


def test_long_words(crf, encoder, write_words, output):
    """The encoder has 256 positions."""
    long = "-+" * 200
    words = write_words([long, f"{long}c", "left"])
    exit_code, text = crf("vectors", encoder, output, "--words", words)
    assert exit_code == 0, text
    one, other = vectors_of(output, [long, f"{long}c"])
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("Ada left Bern.\nWe saw Ada in Rome\nAda left us\n", "utf8")
    return path


def test_words_in_texts(crf, encoder, write_words, texts, output):
    words = ["Ada", "left", "Bern", "Rome", "absent", "zebra"]
    options = ("--words", write_words(words), "--text", texts, "--no-pieces")
    exit_code, text = crf("vectors", encoder, output, *options)
    assert exit_code == 0, text
    assert "12 words in 3 texts, 12 of them read by the encoder" in text
    assert "4 of 6 words occur in the texts" in text
    assert keys_of(output) == set(words)
    from spacy_crf_tagger.models.context_regression import put_in_context
    from spacy_crf_tagger.models.word_contexts import ContextReader
    from spacy_crf_tagger.models.word_vectors import embed_words, load_encoder

    loaded = load_encoder(encoder)
    reader = ContextReader(*loaded, None, 20)
    split = ["Ada left Bern .", "We saw Ada in Rome", "Ada left us"]
    reader.read([each.split() for each in split])
    contexts = reader.finish()
    known, alone = embed_words({*words, *contexts.words}, *loaded)
    together = put_in_context(alone, *contexts.of(known), contexts.spread).vectors
    expected = np.stack([together[known.index(word)] for word in words])
    factors = pdist(vectors_of(output, words)) / pdist(expected)
    np.testing.assert_allclose(factors, factors.mean(), rtol=1e-3)


def test_all_kinds_of_texts_are_the_same(crf, encoder, write_words, texts, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    lines = texts.read_text("utf8").splitlines()
    rows = [json.dumps({"body": line}) for line in lines[:2]]
    (folder / "1.jsonl").write_text("\n".join([*rows, '{"title": "x"}']), "utf8")
    DocBin(docs=map(spacy.blank("en"), lines[2:])).to_disk(folder / "2.spacy")
    words = ("--words", write_words(["Ada", "Bern", "left"]))
    vectors = []
    for source in (texts, folder):
        out = tmp_path / f"of-{source.name}"
        options = (*words, "-T", source, "--text-field", "body")
        exit_code, text = crf("vectors", encoder, out, *options)
        assert exit_code == 0, text
        vectors.append(vectors_of(out, ["Ada", "Bern", "left"]))
    assert "1 rows without a text are left out" in text
    np.testing.assert_allclose(*vectors, atol=1e-4)


def test_words_of_the_texts_get_vectors_too(crf, encoder, texts, output):
    options = ("--text", texts, "--text-words", 2, "--contexts", 2, "--no-pieces")
    exit_code, text = crf("vectors", encoder, output, *options)
    assert exit_code == 0, text
    assert keys_of(output) == {"Ada", "left"}


def test_layers_are_averaged(crf, encoder, write_words, output, tmp_path):
    import transformers

    words = ["ab", "bc", "ca"]
    options = ("--words", write_words(words), "--layer", 0, "--layer", -1)
    exit_code, text = crf("vectors", encoder, output, *options)
    assert exit_code == 0, text
    tokenizer = transformers.BertTokenizerFast.from_pretrained(encoder)
    model = transformers.BertModel.from_pretrained(encoder).eval()
    with torch.no_grad():
        states = model(
            **tokenizer(words, return_tensors="pt"), output_hidden_states=True
        ).hidden_states
    mean = ((states[0] + states[2]) / 2)[:, 1:-1].mean(dim=1).numpy()
    factors = pdist(vectors_of(output, words)) / pdist(mean)
    np.testing.assert_allclose(factors, factors.mean(), rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--text", "missing.txt"], "there is no such file"),
        (["--text", "texts.txt", "--layer", "3"], "no layer 3"),
        (["--text", "empty.txt"], "none of the words occurs in the texts"),
        (["--text-words", "2"], "--text-words needs texts"),
        (["--text", "texts.txt", "--text-words", "21"], "more than --contexts 20"),
        (["--text", "texts.dat"], "its name does not end in .txt"),
    ],
)
@pytest.mark.usefixtures("texts")
def test_texts_that_are_wrong(
    crf, encoder, write_words, tmp_path, output, options, message
):
    for name in ("empty.txt", "texts.dat"):
        (tmp_path / name).touch()
    arguments = [
        tmp_path / each if each.endswith(("txt", "dat")) else each for each in options
    ]
    words = write_words(WORDS)
    exit_code, text = crf("vectors", encoder, output, "--words", words, *arguments)
    assert exit_code == 1
    assert message in text
    assert not output.exists()


def test_component_learns_from_vectors_alone(crf, encoder, write_words, tmp_path):
    """All words have the same shape, and each label is at each place."""
    copy, folder = tmp_path / "encoder", tmp_path / "vectors"
    shutil.copytree(encoder, copy)
    crf(
        "vectors",
        copy,
        folder,
        "--words",
        write_words(["emma", "bern", "sees", *WORDS]),
    )
    data = [
        ("emma sees bern", {"entities": [(0, 4, "PERSON"), (10, 14, "PLACE")]}),
        ("bern sees emma", {"entities": [(0, 4, "PLACE"), (10, 14, "PERSON")]}),
    ]
    tok2vec = {"attrs": ["SHAPE"], "rows": [50], "include_static_vectors": True}
    nlp = make_nlp(tok2vec={**SMALL_TOK2VEC, **tok2vec})
    nlp.config["initialize"]["vectors"] = str(folder)
    examples = make_examples(nlp, data)
    nlp.initialize(lambda: examples)
    fit(nlp, examples, 40)
    nlp.to_disk(tmp_path / "model")
    for path in (copy, folder):
        shutil.rmtree(path)
    again = spacy.load(tmp_path / "model")
    assert entities(again("emma sees bern")) == [(0, 1, "PERSON"), (2, 3, "PLACE")]
    assert entities(again("bern sees emma")) == [(0, 1, "PLACE"), (2, 3, "PERSON")]
    again.vocab.vectors.data[:] = 0.0
    assert entities(again("emma sees bern")) == entities(again("bern sees emma"))


def test_words_of_pieces(crf, encoder, write_words, output):
    """What no piece begins with is left out; the words themselves stay as they are."""
    words = write_words(WORDS)
    exit_code, text = crf("vectors", encoder, output, "--words", words)
    assert exit_code == 0, text
    # Letters, at the beginning and after it: no word has digits or punctuation.
    assert "52 pieces give a vector to words that have none" in text
    assert f"Made {len(WORDS)} vectors of width {ENCODER_WIDTH}" in text
    assert "Only 40 words are made of several pieces" in text
    plain = output.with_name("plain")
    crf("vectors", encoder, plain, "--words", words, "--no-pieces")
    np.testing.assert_allclose(
        vectors_of(output, WORDS), vectors_of(plain, WORDS), atol=1e-5
    )
    assert keys_of(output).difference(keys_of(plain)) == {
        *ascii_lowercase,
        *(f"##{letter}" for letter in ascii_lowercase),
        MARK,
    }.difference(WORDS)
    nlp = spacy.load(output)
    key = nlp.vocab.strings.add("ab1")
    rows = find_piece_rows(nlp.vocab, np.array([key], np.uint64))
    found = nlp.vocab.vectors.data[rows.rows]
    np.testing.assert_array_equal(found, vectors_of(output, ["a", "##b"]))


def test_words_of_pieces_in_texts(crf, encoder, write_words, texts, output):
    """Beginnings are put in context as words are, and are not counted."""
    options = ("--words", write_words(["Ada", "left", "Bern"]), "--text", texts)
    exit_code, text = crf("vectors", encoder, output, *options)
    assert exit_code == 0, text
    assert "3 of 3 words occur in the texts" in text
    assert {"Ada", "left", "Bern", "a", "##a", MARK} <= keys_of(output)


@pytest.mark.parametrize("write", [save_tiny_encoder_decoder, save_sentence_pieces])
def test_pieces_of_other_tokenizers(crf, write, write_words, tmp_path, output):
    encoder = write(tmp_path / "encoder")
    words = write_words(["ab", "abc", "cab", "bc", "-a"])
    exit_code, text = crf("vectors", encoder, output, "--words", words)
    assert exit_code == 0, text
    keys = keys_of(output)
    assert {"ab", "##ab", "##c", MARK} <= keys
    assert not any("Ġ" in key or "▁" in key or "<" in key for key in keys)


def test_pieces_that_cannot_be_told(crf, write_words, tmp_path, output):
    encoder = save_letters(tmp_path / "encoder")
    words = write_words(["ab", "abc", "cab"])
    exit_code, text = crf("vectors", encoder, output, "--words", words)
    assert exit_code == 0, text
    assert "There are no pieces of words" in text
    assert keys_of(output) == {"ab", "abc", "cab"}


@needs_minilm
def test_pieces_tell_what_a_word_is(crf, write_words, output):
    """Words without a vector are near to what the encoder makes of them."""
    folder = minilm_folder()
    # Of few letters, so that there are few pieces to encode.
    stems = ["stone", "train", "letter", "iron", "linen", "senior", "tailor", "siesta"]
    ends = ["less", "ness", "ist", "ation", "al", "ite", "enesse", "troll"]
    words = [stem + end for stem in stems for end in ends]
    held_out = words[::9]
    some = write_words([word for word in words if word not in held_out])
    exit_code, text = crf("vectors", folder, output, "--words", some)
    assert exit_code == 0, text
    every = output.with_name("every")
    all_words = write_words(words, "every.txt")
    crf("vectors", folder, every, "--words", all_words, "--no-pieces")
    known = [word for word in words if word not in held_out]
    nlp = spacy.load(output)
    keys = [nlp.vocab.strings.add(word) for word in held_out]
    assert not any(nlp.vocab.has_vector(key) for key in keys)
    pieces = find_piece_rows(nlp.vocab, np.array(keys, np.uint64))
    parts = np.split(nlp.vocab.vectors.data[pieces.rows], pieces.lengths.cumsum()[:-1])
    made = np.stack([part.mean(axis=0) for part in parts])
    # The components of both differ: compare what is near to what.
    ours = cosines(made, vectors_of(output, known))
    theirs = cosines(vectors_of(every, held_out), vectors_of(every, known))
    correlations = [
        np.corrcoef(one, other)[0, 1] for one, other in zip(ours, theirs, strict=True)
    ]
    assert np.mean(correlations) > 0.7


def cosines(ones, others):
    norms = [np.linalg.norm(each, axis=1, keepdims=True) for each in (ones, others)]
    return (ones / norms[0]) @ (others / norms[1]).T


@needs_minilm
def test_similar_words_have_similar_vectors(crf, write_words, output):
    groups = [
        ["Paris", "London", "Tokyo"],
        ["running", "walking", "jumping"],
        ["green", "blue", "yellow"],
        ["telescope", "microscope", "lens"],
    ]
    words = [word for group in groups for word in group]
    crf("vectors", minilm_folder(), output, "--words", write_words(words))
    vectors = vectors_of(output, words)
    lengths = np.linalg.norm(vectors, axis=1)
    similar = vectors @ vectors.T / np.outer(lengths, lengths)
    np.fill_diagonal(similar, -1.0)
    for number, word in enumerate(words):
        [group] = [group for group in groups if word in group]
        assert words[similar[number].argmax()] in group


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "No words"),
        (["spaces.spacy"], "No words"),
        (["absent.spacy"], "Documents not found"),
        (["words.spacy", "broken.spacy"], "Can't read documents"),
        (["--words", "absent.txt"], "Can't read words"),
        (["--words", "latin.txt"], "line 2 is not UTF-8"),
        (["--words", "counts.txt"], "Line 2 has more than a word: 'Rome 17'"),
        (["--words", "one.txt"], "at least two words"),
        (["words.spacy", "--lang", "klingon"], "Can't use language 'klingon'"),
    ],
)
def test_words_that_get_no_vectors(
    crf, encoder, write_docs, write_words, tmp_path, output, files, message
):
    write_docs("spaces.spacy", [" ", "\n"])
    write_docs("words.spacy", ["We", "left"])
    write_words(["{}"], "broken.spacy")
    write_words(["Rome", "Rome 17"], "counts.txt")
    write_words(["Rome"], "one.txt")
    (tmp_path / "latin.txt").write_bytes("Rome\nZürich".encode("latin1"))
    arguments = [tmp_path / each if "." in each else each for each in files]
    exit_code, text = crf("vectors", encoder, output, *arguments)
    assert exit_code == 1
    assert message in text
    assert not output.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        # Nobody's cache or network is asked for it.
        ("bert-base-uncased", "Encoder not found"),
        ("empty", "it has no config.json"),
        ("untokenized", "It has no tokenizer"),
    ],
)
def test_what_is_no_encoder(
    crf, encoder, write_words, tmp_path, monkeypatch, output, name, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    shutil.copytree(
        encoder,
        tmp_path / "untokenized",
        ignore=shutil.ignore_patterns("vocab*", "tokenizer*"),
    )
    exit_code, text = crf("vectors", name, output, "--words", write_words(WORDS))
    assert exit_code == 1
    assert message in text
    assert not output.exists()


def test_transformers_is_missing(crf, encoder, write_words, monkeypatch, output):
    monkeypatch.setitem(sys.modules, "transformers", None)
    exit_code, text = crf("vectors", encoder, output, "--words", write_words(WORDS))
    assert exit_code == 1
    assert 'pip install "spacy-crf-tagger[transformers]"' in text


@pytest.mark.parametrize("option", ["--width", "--batch-size"])
def test_numbers_are_positive(crf, encoder, write_words, output, option):
    words = write_words(WORDS)
    exit_code, text = crf("vectors", encoder, output, "--words", words, option, 0)
    assert exit_code == 2
    assert option in text


def test_output_that_cannot_be_written(crf, encoder, write_words, tmp_path):
    output = tmp_path / "file"
    output.touch()
    exit_code, text = crf("vectors", encoder, output, "--words", write_words(WORDS))
    assert exit_code == 1
    assert "Can't write the pipeline" in text


def test_encoder_is_not_overwritten(crf, encoder, write_words):
    before = sorted(path.name for path in encoder.iterdir())
    exit_code, text = crf("vectors", encoder, encoder, "--words", write_words(WORDS))
    assert exit_code == 1
    assert "also an input" in text
    assert sorted(path.name for path in encoder.iterdir()) == before
