import pytest

from tests.helpers.forks import print_forked, spacy_forked

LIST_NEW_MODULES = """
import sys
before = set(sys.modules)
from spacy.util import registry
registry.cli.get("crf")
print(*sorted(set(sys.modules) - before))
"""


def test_the_entry_point_loads_nothing_but_the_commands():
    # Every `python -m spacy` process imports it.
    modules = print_forked(LIST_NEW_MODULES).split()
    assert "spacy_crf_tagger.cli.convert" in modules
    own = [name for name in modules if name.startswith("spacy_crf_tagger.")]
    assert {name.split(".")[1] for name in own} == {"cli", "clusters", "data"}
    assert {name.partition(".")[0] for name in modules} == {"spacy_crf_tagger"}


def test_a_terminal_may_lack_characters(tmp_path):
    path = tmp_path / "in.conll"
    path.write_text("Łódź\tB-MIASTO-Ł\njest\tO\nŁ\tŁ\n", encoding="utf8")
    words = ("crf", "convert", path, tmp_path / "out.spacy")
    outcome = spacy_forked(*words, encoding="ascii")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert r"MIASTO-\u0141" in outcome.stdout


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ([], "convert init-config migrate compare show calibrate vectors warm-up"),
        ([], "guarantee select"),
        (
            ["convert"],
            "--format --lang --n-sents --label-column --md5 --strict INPUT OUTPUT",
        ),
        (
            ["init-config"],
            "--lang --pipeline --optimize --vectors --force OUT config.cfg",
        ),
        (["migrate"], "--component --recipe --code BASE OUT ner.cfg"),
        (["compare"], "--output --names METRICS_JSON"),
        (["show"], "--path --require PIPELINE TEXT"),
        (["warm-up"], "container"),
        (["distill"], "TEACHER STUDENT_CONFIG OUT --teacher --text --weight Example"),
        (["vectors"], "--words --width --lang --batch-size ENCODER OUTPUT DOCS"),
    ],
)
def test_help(crf, command, options):
    exit_code, text = crf(*command, "--help")
    assert exit_code == 0
    assert all(option in text for option in options.split())
