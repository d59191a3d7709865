"""Components that learn from others."""

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example

from spacy_crf_tagger.crf import Lattice, forward_backward
from spacy_crf_tagger.crf.arrays import to_numpy
from spacy_crf_tagger.pipeline.teachers import (
    AnnotatingTeacher,
    Member,
    ScoringTeacher,
    copy_tokens,
)
from tests.helpers.component import (
    annotated,
    fit,
    make_examples,
    randomize,
    recognizer,
)
from tests.helpers.objective import (
    assert_gradients,
    both_outputs,
    both_schemes,
    random_potentials,
)
from tests.helpers.tagging import TAGS, make_unsure_tagger, tagger_of
from tests.helpers.teaching import WORDS, distil, docs_of, initialized, unsure
from tests.pipeline.ner.test_listeners import make_shared


def marginals(nlp, docs):
    """RETURNS the probabilities of labels and of no entity at each token."""
    ner = recognizer(nlp)
    names = ["O", *sorted(ner.labels)]
    found = []
    for lattice in (lattice for _, lattice in ner.lattices(docs)):
        tags = to_numpy(forward_backward(lattice).tags)
        of_labels = ["O", *ner.labels]
        numbers = ner.scheme.tag_labels + 1
        found.append(
            np.stack(
                [tags[:, numbers == of_labels.index(name)].sum(1) for name in names], 1
            )
        )
    return np.concatenate(found)


# The loss


@both_schemes
@both_outputs
def test_no_loss_between_equals(scheme_name, output):
    ner = recognizer(initialized(scheme_name, output=output))
    scores = random_potentials(ner.scheme.n_tags, output)
    loss, gradients = ner.get_teacher_student_loss(scores, scores)
    assert loss == pytest.approx(0.0, abs=1e-5)
    for each in filter(lambda each: each is not None, gradients[:4]):
        assert np.abs(each).max() < 1e-6


@both_schemes
@both_outputs
def test_gradients_of_the_loss(scheme_name, output):
    ner = recognizer(initialized(scheme_name, output=output))
    taught = random_potentials(ner.scheme.n_tags, output, seed=1)
    scores = random_potentials(ner.scheme.n_tags, output)
    loss, gradients = ner.get_teacher_student_loss(taught, scores)
    assert loss > 0.1
    assert_gradients(
        lambda moved: ner.get_teacher_student_loss(taught, moved)[0], scores, gradients
    )


def test_scores_of_other_tags_are_refused():
    ner = recognizer(initialized())
    with pytest.raises(ValueError, match="the model has 5 tags, but the labels"):
        ner.get_teacher_student_loss(random_potentials(5), random_potentials(9))


# From component to component


@pytest.mark.parametrize(("taught", "learned"), [("bio", "biluo"), ("biluo", "bio")])
def test_student_learns_probabilities_across_schemes_and_orders(taught, learned):
    teacher, student = unsure(taught), initialized(learned, ("PLACE", "PERSON"))
    docs, own = docs_of(teacher), docs_of(student)
    losses = distil(recognizer(student), recognizer(teacher), docs, own, steps=30)
    assert losses[-1] < 0.05 * losses[0]
    assert np.abs(marginals(teacher, docs) - marginals(student, own)).max() < 0.15


def test_calibrated_probabilities_are_learned_at_any_temperature():
    teacher, student = unsure(), initialized()
    recognizer(teacher).temperature = 2.0
    docs, own = docs_of(teacher), docs_of(student)
    ner = recognizer(student)
    distil(ner, recognizer(teacher), docs, own, steps=30, temperature=3.0)
    assert ner.settings.temperature == 1.0
    assert np.abs(marginals(teacher, docs) - marginals(student, own)).max() < 0.15


def test_independent_tags_and_a_crf_teach_each_other():
    for taught, learned in (("softmax", "crf"), ("crf", "softmax")):
        teacher, student = unsure(output=taught), initialized(output=learned)
        docs, own = docs_of(teacher), docs_of(student)
        losses = distil(recognizer(student), recognizer(teacher), docs, own, steps=12)
        assert losses[-1] < 0.7 * losses[0]


def test_documents_do_not_change_and_losses_add_up():
    teacher, student = unsure(), initialized()
    docs, own = docs_of(teacher), docs_of(student)
    ner = recognizer(student)
    before = [doc.to_bytes() for doc in [*docs, *own]]
    losses = {"crf_ner": 1.0}
    assert ner.distill(recognizer(teacher), docs, own, losses=losses) is losses
    assert losses["crf_ner"] > 1.0
    assert [doc.to_bytes() for doc in [*docs, *own]] == before
    nothing = [student.make_doc("")]
    assert ner.distill(recognizer(teacher), nothing, nothing) == {"crf_ner": 0.0}


def test_a_label_that_the_teacher_lacks_becomes_impossible():
    teacher, student = unsure(labels=["PLACE"]), initialized(labels=("PERSON", "PLACE"))
    docs, own = docs_of(teacher), docs_of(student)
    distil(recognizer(student), recognizer(teacher), docs, own, steps=12)
    ner = recognizer(student)
    person = np.concatenate([each.labels[:, 0] for each in ner.marginals(own)])
    assert person.max() < 0.05


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"labels": ["PLACE", "NEW"]}, r"labels that the student does not.*\['NEW'\]"),
        ({"words": ["We", "le", "ft"]}, "document 0, 'We left '.* has other tokens"),
        ({"n": 2}, "2 documents of the teacher, but 1 of the student"),
        ({"temperature": 0.0}, "temperature must be a number from 0.1 to 100"),
        ({"tagger": True}, "Both must be crf_ner, or both crf_tagger"),
    ],
)
def test_teachers_that_do_not_fit_are_refused(change, error):
    teacher = unsure(labels=change.get("labels", ["PLACE"]))
    pipe = recognizer(teacher)
    if "tagger" in change:
        pipe = tagger_of(make_unsure_tagger())
    student = initialized()
    words = change.get("words", ["We", "left"])
    docs = [Doc(pipe.vocab, words=words)] * change.get("n", 1)
    own = [Doc(student.vocab, words=["We", "left"])]
    temperature = change.get("temperature", 1.0)
    with pytest.raises(ValueError, match=f"Component 'crf_ner': .*{error}"):
        recognizer(student).distill(pipe, docs, own, temperature=temperature)


def test_tagger_learns_from_tagger():
    teacher, student = make_unsure_tagger(), make_unsure_tagger()
    sample = Example(*[student.make_doc("the cat")] * 2)
    pipe = tagger_of(student)
    pipe.cfg["labels"] = TAGS[::-1]
    pipe.initialize(lambda: [sample])
    docs, own = docs_of(teacher), docs_of(student)
    losses = distil(pipe, tagger_of(teacher), docs, own, steps=30)
    assert losses[-1] < 0.05 * losses[0]
    for mine, theirs in zip(
        pipe.marginals(own), tagger_of(teacher).marginals(docs), strict=True
    ):
        np.testing.assert_allclose(mine[:, ::-1], theirs, atol=0.15)
    rest = random_potentials(len(TAGS)), random_potentials(len(TAGS), seed=1)
    _, gradients = pipe.get_teacher_student_loss(*rest)
    assert_gradients(
        lambda moved: pipe.get_teacher_student_loss(rest[0], moved)[0],
        rest[1],
        gradients,
    )


# From annotation


def told(nlp, words, spans, outside=()):
    """RETURNS a document with entities, and tokens that are known to be in none."""
    doc = annotated(nlp, words, spans)
    known = [doc[number : number + 1] for number in outside]
    doc.set_ents([], outside=known, default="unmodified")
    return doc


def test_spacys_ner_teaches_what_it_annotates():
    teacher = spacy.blank("en")
    teacher.add_pipe("ner")
    examples = make_examples(teacher)
    teacher.initialize(lambda: examples)
    fit(teacher, examples, 30)
    docs = [example.predicted.copy() for example in examples]
    student = initialized()
    own = copy_tokens(docs, student)
    before = [doc.to_bytes() for doc in docs]
    distil(recognizer(student), teacher.get_pipe("ner"), docs, own, steps=15)
    assert [doc.to_bytes() for doc in docs] == before
    for doc, expected in zip(student.pipe(own), teacher.pipe(docs), strict=True):
        assert [(e.text, e.label_) for e in doc.ents] == [
            (e.text, e.label_) for e in expected.ents
        ]
        assert len(doc.ents)


def test_what_is_missing_is_not_learned():
    nlp = initialized()
    ner = recognizer(nlp)
    ner.missing = "outside"
    words = ["We", "left", "New", "York"]
    known = told(nlp, words, [(2, 4, "PLACE")], outside=[0])
    docs = [Doc(nlp.vocab, words=words)]
    distil(ner, None, [known], docs, steps=20)
    [found] = ner.marginals(docs)
    assert found.labels[2:, 1].min() > 0.9
    assert found.labels[0].max() < 0.1
    nothing = Doc(nlp.vocab, words=words)
    assert ner.distill(None, [nothing], docs)["crf_ner"] == pytest.approx(0.0, abs=1e-4)


class Annotating:
    """A pipeline that sets what it is told."""

    def __init__(self, nlp, spans):
        self.vocab = nlp.vocab
        self.spans = spans

    def pipe(self, docs):
        for doc in docs:
            words = [token.text for token in doc]
            outside = set(range(len(doc)))
            for start, end, _ in self.spans:
                outside -= set(range(start, end))
            yield told(self, words, self.spans, outside)


def test_where_annotating_teachers_differ_nothing_is_learned():
    nlp = initialized()
    ner = recognizer(nlp)
    [doc] = [Doc(nlp.vocab, words=["Ada", "left", "New", "York"])]
    first = Annotating(nlp, [(0, 1, "PERSON"), (2, 4, "PLACE")])
    second = Annotating(nlp, [(0, 1, "PERSON"), (2, 3, "PLACE")])
    teacher = AnnotatingTeacher([first, second], ner.labels)
    scores = random_potentials(ner.scheme.n_tags, lengths=np.array([4]))
    loss, _ = teacher.lesson([doc]).loss(scores, ner)
    partly = told(nlp, ["Ada", "left", "New", "York"], [(0, 1, "PERSON")], [1])
    expected, _ = ner.get_loss([Example(doc, partly)], scores)
    assert loss == pytest.approx(expected, rel=1e-5)


# While a pipeline is trained


def teacher_of(*pipelines, **options):
    members = [
        Member(f"teacher-{number}", nlp, "crf_ner")
        for number, nlp in enumerate(pipelines)
    ]
    return ScoringTeacher(members, **options)


def test_teachers_together_teach_the_mean_of_their_scores():
    first, second = unsure(seed=1), unsure(seed=2)
    recognizer(second).temperature = 2.0
    docs = docs_of(first)
    lesson = teacher_of(first, second).lesson(docs)
    scores = [recognizer(nlp).model.predict(docs_of(nlp)) for nlp in (first, second)]
    for name in ("emissions", "transitions", "start", "end"):
        one, two = (getattr(each, name) for each in scores)
        found = getattr(lesson.potentials, name)
        possible = found > -np.inf
        mean = one / 2 + two / 4
        np.testing.assert_allclose(found[possible], mean[possible], atol=1e-5)


def test_teachers_of_both_schemes_teach_together():
    nlps = [unsure(scheme) for scheme in ("bio", "biluo")]
    teacher = teacher_of(*nlps)
    student = initialized("bio", ("PLACE", "PERSON"))
    ner, docs = recognizer(student), docs_of(student)
    examples = [Example(doc, doc) for doc in docs]
    with ner.learning_from(teacher):
        losses = fit(student, examples, 20)
    assert losses[-1]["crf_ner"] < 0.3 * losses[0]["crf_ner"]


def test_labels_of_teachers_must_be_the_same():
    with pytest.raises(ValueError, match=r"teacher-0 and teacher-1.*\['NEW'\]"):
        teacher_of(unsure(), unsure(labels=["PERSON", "PLACE", "NEW"]))


@pytest.mark.parametrize("max_bytes", [2**20, 300, 0])
def test_no_more_is_remembered_than_there_is_room_for(max_bytes):
    nlp = unsure()
    teacher = teacher_of(nlp, max_bytes=max_bytes)
    docs = docs_of(nlp)
    first = teacher.lesson(docs)
    calls = []
    ask = teacher.score
    teacher.score = lambda asked: calls.append(len(asked)) or ask(asked)
    again = teacher.lesson([*docs, *docs])
    n_unknown = len({len(doc) for doc in docs})
    assert sum(calls) <= n_unknown
    assert bool(calls) == (max_bytes < 2**20)
    expected = np.concatenate([first.potentials.emissions] * 2)
    np.testing.assert_allclose(again.potentials.emissions, expected, atol=1e-5)


def test_loss_is_shared_between_teacher_and_annotation():
    teacher, student = unsure(), initialized()
    ner = recognizer(student)
    ner.missing = "outside"
    words = WORDS[:4]
    known = told(student, words, [(2, 4, "PLACE")], [0, 1])
    docs = [Doc(student.vocab, words=words), Doc(student.vocab, words=WORDS)]
    examples = [Example(docs[0], known), Example(docs[1], docs[1].copy())]
    alone = ner.update(examples[:1])["crf_ner"]
    with ner.learning_from(teacher_of(teacher)):
        taught = ner.update(examples)["crf_ner"]
    with ner.learning_from(teacher_of(teacher), weight=0.25):
        both = ner.update(examples)["crf_ner"]
    # The text without annotation is no text without entities here.
    assert both == pytest.approx(0.25 * taught + 0.75 * alone, rel=1e-4)
    assert ner.update(examples[:1])["crf_ner"] == pytest.approx(alone, rel=1e-4)


def test_gradients_are_shared_as_the_loss_is():
    teacher, student = unsure(), initialized()
    ner = recognizer(student)
    ner.missing = "outside"
    docs = [Doc(student.vocab, words=WORDS[:n]) for n in (4, 0, 1, 3)]
    known = told(student, WORDS[:4], [(2, 4, "PLACE")], [0, 1])
    examples = [Example(doc, known if len(doc) == 4 else doc.copy()) for doc in docs]
    with ner.learning_from(teacher_of(teacher), weight=0.25):
        loss_of = ner._training_loss(examples)
    scores = random_potentials(ner.scheme.n_tags)
    _, gradients = loss_of(scores)
    assert_gradients(lambda moved: loss_of(moved)[0], scores, gradients)


def test_weight_must_leave_the_teacher_something():
    ner = recognizer(initialized())
    with (
        pytest.raises(ValueError, match="weight must be a number from 0 to 1"),
        ner.learning_from(teacher_of(unsure()), weight=1.5),
    ):
        pass


def test_teacher_and_student_may_listen_to_a_shared_tok2vec():
    teacher, student = make_shared("crf_ner"), make_shared("crf_ner")
    for nlp in (teacher, student):
        examples = make_examples(nlp)
        nlp.initialize(lambda examples=examples: examples)
    randomize(recognizer(teacher), seed=1, scale=0.5)
    docs = docs_of(student)
    # In the pipeline as in a batch of its own.
    expected = np.concatenate([m.tags for m in tag_marginals(teacher, docs)])
    lesson = teacher_of(teacher).lesson(docs)
    lattice = Lattice.build(lesson.potentials)
    found = to_numpy(forward_backward(lattice).tags)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    before = student.get_pipe("tok2vec").model.get_ref("embed").to_bytes()
    with recognizer(student).learning_from(teacher_of(teacher)):
        losses = fit(student, [Example(doc, doc) for doc in docs], 12)
    assert losses[-1]["crf_ner"] < 0.7 * losses[0]["crf_ner"]
    assert student.get_pipe("tok2vec").model.get_ref("embed").to_bytes() != before


def tag_marginals(nlp, docs):
    prepared = list(nlp.pipe(copy_tokens(docs, nlp), disable=["crf_ner"]))
    return recognizer(nlp).marginals(prepared)
