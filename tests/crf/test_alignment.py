"""Tag sets that differ in the order of labels or in the scheme."""

from itertools import permutations

import numpy as np
import pytest

from spacy_crf_tagger.crf import (
    Lattice,
    PlainTags,
    Potentials,
    TagScheme,
    divergence,
    forward_backward,
)
from spacy_crf_tagger.crf.alignment import (
    MISSING,
    corresponding_tags,
    finest,
    is_identity,
    take_tags,
)
from spacy_crf_tagger.crf.arrays import sum_groups, to_numpy

from .brute_force import all_paths, finite_differences, path_log_probabilities
from .conftest import Engine

LENGTHS = np.array([3, 0, 2, 1])
LABELS = ["PERSON", "PLACE"]


def random_potentials(n_tags: int, seed: int) -> Potentials:
    rng = np.random.default_rng(seed)
    shapes = [(int(LENGTHS.sum()), n_tags), (n_tags, n_tags), (n_tags,), (n_tags,)]
    return Potentials(*(rng.normal(size=shape) for shape in shapes), LENGTHS)


def lattice_of(scheme: TagScheme, seed: int = 0) -> Lattice:
    return Lattice.build(random_potentials(scheme.n_tags, seed), scheme.constraints)


def test_tags_correspond_by_name():
    biluo, bio = TagScheme(["A", "B"]), TagScheme(["B", "A", "C"], "bio")
    names = [
        "–" if number == MISSING else bio.tags[number]
        for number in corresponding_tags(biluo, bio)
    ]
    assert biluo.tags == ["O", "B-A", "I-A", "L-A", "U-A", "B-B", "I-B", "L-B", "U-B"]
    assert names == ["O", "B-A", "I-A", "I-A", "B-A", "B-B", "I-B", "I-B", "B-B"]
    assert corresponding_tags(PlainTags(["N", "V"]), PlainTags(["V"])).tolist() == [
        MISSING,
        0,
    ]
    assert is_identity(corresponding_tags(bio, bio))


def test_the_finest_tags_have_the_labels_of_the_first():
    bio, biluo = TagScheme(["B", "A"], "bio"), TagScheme(["A", "B"])
    found = finest([bio, biluo])
    assert (found.name, found.labels) == ("biluo", ("B", "A"))
    assert finest([bio, bio]) is bio
    plain = PlainTags(["N"])
    assert finest([plain, PlainTags(["N"])]) is plain


def test_scores_follow_their_tags_and_others_are_forbidden():
    scheme, other = TagScheme(LABELS), TagScheme(["NEW", *reversed(LABELS)])
    potentials = random_potentials(scheme.n_tags, seed=1)
    taken = take_tags(potentials, corresponding_tags(other, scheme))
    new = [name.endswith("NEW") for name in other.tags]
    for scores in taken[:4]:
        assert np.isneginf(scores[..., new]).all()
    back = take_tags(taken, corresponding_tags(scheme, other))
    for before, after in zip(potentials, back, strict=True):
        np.testing.assert_array_equal(before, after)
    alone = Potentials(potentials.emissions, None, None, None, LENGTHS)
    assert take_tags(alone, corresponding_tags(other, scheme)).transitions is None


@pytest.mark.parametrize("seed", range(3))
def test_bio_says_in_biluo_what_it_said(seed: int):
    bio, biluo = TagScheme(LABELS, "bio"), TagScheme([*reversed(LABELS)])
    numbers = corresponding_tags(biluo, bio)
    potentials = random_potentials(bio.n_tags, seed)
    before = forward_backward(Lattice.build(potentials, bio.constraints))
    finer = Lattice.build(take_tags(potentials, numbers), biluo.constraints)
    after = forward_backward(finer)
    np.testing.assert_allclose(after.log_z, before.log_z)
    for name in ("tags", "start", "end"):
        summed = sum_groups(getattr(after, name), numbers, bio.n_tags)
        np.testing.assert_allclose(summed, getattr(before, name), atol=1e-12)


def divergence_by_brute_force(
    student: Lattice, teacher: Lattice, tag_map: np.ndarray
) -> float:
    total = 0.0
    for length, ours, theirs in zip(
        LENGTHS,
        path_log_probabilities(student),
        path_log_probabilities(teacher),
        strict=True,
    ):
        numbers = {path.tobytes(): n for n, path in enumerate(all_paths(length, 5))}
        for path, log_p in zip(all_paths(length, 9), theirs, strict=True):
            if log_p > -np.inf:
                same = numbers[tag_map[path].tobytes()]
                total += np.exp(log_p) * (log_p - ours[same])
    return total


@pytest.mark.parametrize("seed", range(2))
def test_bio_learns_from_biluo(seed: int, engine: Engine):
    bio, biluo = TagScheme(LABELS, "bio"), TagScheme(LABELS)
    tag_map = corresponding_tags(biluo, bio)
    student, teacher = lattice_of(bio, seed), lattice_of(biluo, seed + 10)
    value, gradients = divergence(
        engine.prepare(student),
        engine.prepare(teacher),
        engine.backend,
        tag_map=tag_map,
    )
    expected = divergence_by_brute_force(student, teacher, tag_map)
    assert float(value) == pytest.approx(expected)
    for name in ("emissions", "transitions", "start", "end"):
        numeric = finite_differences(
            lambda moved: float(divergence(moved, teacher, tag_map=tag_map)[0]),
            student,
            name,
        )
        found = to_numpy(getattr(gradients, name))
        np.testing.assert_allclose(found, numeric, atol=1e-6)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_order_of_tags_does_not_matter(order):
    tags = PlainTags(["D", "N", "V"])
    student = Lattice.build(random_potentials(3, 0), tags.constraints)
    theirs = random_potentials(3, 1)
    expected, _ = divergence(student, Lattice.build(theirs))
    numbers = np.array(order)
    moved = Lattice.build(take_tags(theirs, numbers))
    found, _ = divergence(student, moved, tag_map=numbers)
    assert float(found) == pytest.approx(float(expected))


@pytest.mark.parametrize("tag_map", [[0], [0] * 8 + [5], [0.5] * 9, None])
def test_map_that_is_not_one_of_the_tags_is_refused(tag_map):
    student, teacher = (
        lattice_of(TagScheme(LABELS, "bio")),
        lattice_of(TagScheme(LABELS)),
    )
    with pytest.raises(ValueError, match=r"tag_map|differ in their tags"):
        divergence(student, teacher, tag_map=tag_map)
