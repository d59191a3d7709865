"""Training objectives as pure functions: values and all gradients, no autograd."""

from typing import Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from . import checks, limits
from .arrays import Array, are_together, concatenate, place_of, sum_groups
from .backends.protocol import Backend
from .inference import (
    forward_backward,
    kernels_for,
    require_lattice,
    require_possible,
)
from .lattice import Lattice, Marginals, Potentials


def path_loss(
    lattice: Lattice, tags: NDArray[np.int64], backend: Optional[Backend] = None
) -> Tuple[Array, Potentials]:
    """Compute −log P(path) and its gradients, which are the marginals less what the
    path has of each tag and step (Lafferty et al. 2001). It is what
    `negative_log_likelihood` computes where one path is left, in half the time.

    lattice (Lattice): All valid paths.
    tags (NDArray[int]): The tag of each token, [N].
    backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
    RETURNS (Tuple[Array, Potentials]): The loss of each sequence, [B], in nats, and
        the gradients of their sum.
    RAISES (ValueError): If there is not one tag for each token, a number is no tag's,
        or a path is forbidden.
    """
    kernels = kernels_for(lattice, backend)
    n_tokens = len(lattice.emissions)
    tags = checks.as_integers(tags, "tags")
    if tags.shape != (n_tokens,) or not checks.are_below(tags, lattice.n_tags):
        raise ValueError(
            f"A path needs one tag from 0 to {lattice.n_tags - 1} for each of "
            f"{n_tokens} tokens; the tags' shape is {tags.shape}, and they are from "
            f"{tags.min(initial=0)} to {tags.max(initial=0)}."
        )
    rest = kernels.forward_backward(lattice)
    scores = kernels.subtract_paths(lattice, tags, rest)
    # One look at both: the CPU waits for a GPU each time.
    if not limits.are_usual(concatenate((rest.log_z, scores))):
        limits.require_digits(rest.log_z, lattice.lengths, "sequence")
        require_possible(scores)
    return rest.log_z - scores, Potentials(*rest[1:], lattice.lengths)


def negative_log_likelihood(
    free: Lattice, known: Lattice, backend: Optional[Backend] = None
) -> Tuple[Array, Potentials]:
    """Compute −log P(annotation) = log Z(free) − log Z(known), and its gradients,
    which are the differences between the marginals of the two lattices (Lafferty et
    al. 2001; for incomplete annotation Tsuboi et al. 2008).

    free (Lattice): All valid paths.
    known (Lattice): The paths among them that agree with the annotation: one path for
        a fully annotated sequence, all of them for one without annotation.
    backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
    RETURNS (Tuple[Array, Potentials]): The loss of each sequence, [B], in nats, and
        the gradients of their sum.
    RAISES (ValueError): If a sequence has no path that agrees with its annotation, or
        the lattices differ in their shapes or the kind of their arrays.
    """
    _require_same_sequences(free, known)
    expected = forward_backward(free, backend)
    observed = forward_backward(known, backend)
    require_possible(observed.log_z)
    require_possible(expected.log_z)
    return expected.log_z - observed.log_z, _difference(expected, observed, free)


def divergence(
    student: Lattice,
    teacher: Lattice,
    backend: Optional[Backend] = None,
    *,
    tag_map: Optional[NDArray[np.int64]] = None,
) -> Tuple[Array, Potentials]:
    """Compute the Kullback-Leibler divergence of the student's distribution over
    paths from the teacher's, KL(teacher ‖ student), and its gradients with respect to
    the student's scores. Exact: both distributions factorise over the same edges, so
    that the sum over all paths is a sum over marginals (Hinton et al. 2015; for
    structures Wang et al. 2021, "Structural knowledge distillation").

    student (Lattice): The distribution that learns.
    teacher (Lattice): The distribution that it should stay close to. Whatever the
        teacher allows, the student must allow.
    backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
    tag_map (Optional[NDArray[int]]): The student's tag that each tag of the teacher's
        stands for, [K of the teacher], if their tags differ. Several may stand for one,
        as B and U of BILUO do for B of BIO. It is exact where different paths of the
        teacher stand for different paths of the student.
    RETURNS (Tuple[Array, Potentials]): The sum of the divergences of all sequences,
        in nats, and its gradients.
    RAISES (ValueError): If a sequence has no allowed path, the student forbids what
        the teacher allows, the lattices differ in their shapes or the kind of their
        arrays, or the map is not one of their tags.
    """
    if tag_map is not None:
        tag_map = _checked_map(tag_map, student, teacher)
    _require_same_sequences(student, teacher, tag_map)
    ours = forward_backward(student, backend)
    theirs = forward_backward(teacher, backend)
    require_possible(theirs.log_z)
    require_possible(ours.log_z)
    value = (ours.log_z - theirs.log_z).sum()
    # Those of the student, for the tags of the teacher.
    scores = student.scores if tag_map is None else _taken(student, tag_map)
    for probabilities, theirs_scores, our_scores in zip(
        theirs[1:], teacher.scores, scores, strict=True
    ):
        possible = probabilities > 0
        # Elsewhere both may be -inf, of which there is no difference.
        difference = theirs_scores[possible] - our_scores[possible]
        value = value + (probabilities[possible] * difference).sum()
    if not float(value) < np.inf:
        raise ValueError(
            "The student forbids a tag or a step that the teacher allows, so that the "
            "divergence is infinite. Give both the same restrictions."
        )
    if tag_map is not None:
        theirs = _merged(theirs, tag_map, student.n_tags)
    return value, _difference(ours, theirs, student)


def _checked_map(
    tag_map: NDArray[np.int64], student: Lattice, teacher: Lattice
) -> NDArray[np.int64]:
    for lattice in (student, teacher):
        require_lattice(lattice)
    numbers = checks.as_indices(tag_map, "tag_map", student.n_tags)
    if len(numbers) != teacher.n_tags:
        raise ValueError(
            f"tag_map has {len(numbers)} tags, but the teacher has {teacher.n_tags}."
        )
    return numbers


def _taken(
    lattice: Lattice, numbers: NDArray[np.int64]
) -> Tuple[Array, Array, Array, Array]:
    """RETURNS (Tuple): The scores of tags by their numbers, which may be repeated."""
    emissions, transitions, start, end = lattice.scores
    return (
        emissions[:, numbers],
        transitions[numbers][:, numbers],
        start[numbers],
        end[numbers],
    )


def _merged(
    marginals: Marginals, groups: NDArray[np.int64], n_groups: int
) -> Marginals:
    """RETURNS (Marginals): The marginals of groups of tags."""
    by_second = sum_groups(marginals.transitions, groups, n_groups)
    return marginals._replace(
        tags=sum_groups(marginals.tags, groups, n_groups),
        transitions=sum_groups(by_second.T, groups, n_groups).T,
        start=sum_groups(marginals.start, groups, n_groups),
        end=sum_groups(marginals.end, groups, n_groups),
    )


def _require_same_sequences(
    a: Lattice, b: Lattice, tag_map: Optional[NDArray[np.int64]] = None
) -> None:
    for lattice in (a, b):
        require_lattice(lattice)
    # A lattice and its restrictions share their lengths.
    is_alike = a.lengths is b.lengths or np.array_equal(a.lengths, b.lengths)
    have_same_tags = tag_map is not None or a.n_tags == b.n_tags
    if not (have_same_tags and is_alike):
        raise ValueError(
            f"Two lattices are compared that differ in their tags ({a.n_tags} and "
            f"{b.n_tags}) or in the lengths of their sequences."
        )
    if not are_together(a.emissions, b.emissions):
        raise ValueError(
            f"Two lattices are compared of which one is {place_of(a.emissions)}, the "
            f"other {place_of(b.emissions)}."
        )


def _difference(a: Marginals, b: Marginals, lattice: Lattice) -> Potentials:
    return Potentials(
        a.tags - b.tags,
        a.transitions - b.transitions,
        a.start - b.start,
        a.end - b.end,
        lattice.lengths,
    )
