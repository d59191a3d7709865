"""The figures in a pipeline's `meta.json`, which have to be true of what is saved."""

from typing import Any, Dict, Sequence, cast

from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.scorer import Scorer
from spacy.training import Example


def store_figures(
    nlp: Language, name: str, analysed: Sequence[Example]
) -> Dict[str, Any]:
    """Put the scores of a component into the figures in `nlp.meta["performance"]`, in
    the place of those of `spacy train`. All of its scores are replaced, so that they
    belong to the same documents; those of other components stay.

    nlp (Language): The pipeline.
    name (str): The name of the component.
    analysed (Sequence[Example]): Annotated examples that the pipeline has analysed.
    RETURNS (Dict[str, Any]): The figures that have been put in: those that the pipeline
        had before, and those that `[training.score_weights]` names.
    """
    figures = nlp.meta.setdefault("performance", {})
    wanted = {*figures, *nlp.config["training"]["score_weights"]}
    own = cast(TrainablePipe, nlp.get_pipe(name)).score(analysed)
    # As `nlp.evaluate` has them, where several components have scores of the same name.
    scores = Scorer(nlp).score(analysed)
    measured = {key: scores[key] for key in own if key in wanted}
    figures.update(measured)
    return measured
