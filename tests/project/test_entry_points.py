"""What an installed plugin gives to every spaCy process, and what it must not cost."""

import json
from importlib.metadata import distribution

import pytest
import spacy
from spacy.cli.package import get_third_party_dependencies
from spacy.util import registry

import spacy_crf_tagger
from tests.helpers.component import make_nlp
from tests.helpers.forks import print_forked

IMPORTED = """
import json, sys
{statement}
print(json.dumps(sorted(sys.modules)))
"""
HEAVY = (
    "numba",
    "llvmlite",
    "spacy_transformers",
    "transformers",
    "spacy_crf_tagger.models.network",
    "spacy_crf_tagger.models.shim",
    "spacy_crf_tagger.models.architectures",
    "spacy_crf_tagger.cli",
    "spacy_crf_tagger.crf.backends.numba.backend",
    "spacy_crf_tagger.crf.backends.numba.marginals",
    "spacy_crf_tagger.crf.backends.torch.backend",
)


def our_entry_points():
    found = distribution("spacy-crf-tagger").entry_points
    return {f"{point.group}: {point.name}": point for point in found}


@pytest.mark.parametrize("name", our_entry_points())
def test_entry_points_lead_somewhere(name):
    point = our_entry_points()[name]
    assert point.group.startswith(("spacy_", "thinc_"))
    assert callable(point.load())


@pytest.mark.parametrize(
    ("name", "registered"),
    [
        ("factories", "crf_ner"),
        ("architectures", "spacy_crf_tagger.BiLSTMAttentionCRF.v1"),
        ("architectures", "spacy_crf_tagger.TypeEmbed.v1"),
    ],
)
def test_registry_finds_functions_and_their_package(name, registered):
    spacy.blank("en")
    found = registry.find(name, registered)
    assert found["module"].split(".")[0] == "spacy_crf_tagger"


def modules_after(statement):
    return set(json.loads(print_forked(IMPORTED.format(statement=statement))))


def test_the_factory_loads_neither_the_network_nor_the_kernels():
    """The entry point is imported by every `spacy.blank` and `spacy.load`."""
    loaded = modules_after("import spacy_crf_tagger.pipeline.ner.component")
    assert not loaded & set(HEAVY)
    assert "spacy_crf_tagger.pipeline.ner.component" in loaded


def test_a_blank_pipeline_gets_nothing_else_of_ours():
    """Other plugins may load what they like; so only our own modules are looked at."""
    loaded = modules_after("import spacy; spacy.blank('en')")
    ours = {name for name in HEAVY if name.startswith("spacy_crf_tagger")}
    assert "spacy_crf_tagger.pipeline.ner.component" in loaded
    assert not loaded & ours
    assert "numba" not in loaded


def test_packaged_pipelines_require_this_package():
    nlp = make_nlp()
    [requirement] = get_third_party_dependencies(nlp.config)
    assert requirement.startswith(f"spacy-crf-tagger>={spacy_crf_tagger.__version__}")


def test_version_is_that_of_the_distribution():
    assert distribution("spacy-crf-tagger").version == spacy_crf_tagger.__version__
