"""Keys of ledgers and checkpoints are those of the first version: its runs can be resumed."""

from pathlib import Path

import pytest

from promptsearch.corpora.sentences import CorpusFormat
from promptsearch.data import Example
from promptsearch.prompt import Prompt, Source, Template, Verbalizer
from promptsearch.searchers import MiningSearch, PruneSearch
from promptsearch.searchers.answers.paraphrase.sources import Paraphrase
from promptsearch.searchers.common.gap_template import GapTemplate
from promptsearch.searchers.common.ledger_calls import LedgeredValues, ledgered
from promptsearch.searchers.common.training_contexts import TrainingContext
from promptsearch.searchers.mine.corpus_pass import MiningRequest, digest
from promptsearch.searchers.mine.search_terms import SearchTerms
from promptsearch.searchers.mine.snippet_extractor import SnippetLimits

SEARCHERS = Path(__file__).parents[1] / "promptsearch" / "searchers"
OWNERS = {SEARCHERS / "common" / "ledger_calls.py", SEARCHERS / "joint" / "step_score.py"}
CONTEXTS = [TrainingContext({"text": "a film"}, {"Z": "great"})]
GAPS = GapTemplate.parse("{text}[T] [Z].")
PROMPT = Prompt(
    Template.parse("{text} It was [Z]."),
    Verbalizer.of({"positive": ["great"], "negative": ["bad"]}),
    Source("manual", ("p0",), {"a": 1}),
)
TRAIN = [Example("0", {"text": "a film"}, ("positive",))]
POOL = {"positive": [Paraphrase((("Z", "good"),), {"method": "x"})]}


class Names:
    """A score that keeps the names of work, and answers with as many zeros as it is told."""

    def __init__(self, size=0):
        self.names, self.size = [], size

    def once(self, name, _prepare):
        self.names.append(name)
        return [0.0] * self.size


@pytest.mark.parametrize(
    ("inputs", "rows", "key"),
    [
        (("sha", "{text} It was [Z] .", 10, CONTEXTS), (), "168faf414332eeeb9228b66a"),
        ((GAPS, (2,), 5, ("the", "a"), CONTEXTS), ("sha",), "6ec8f1bd7c3373b33d941527"),
        ((1, 2), (0, 3), "8a4a7321fe974665f2ab3345"),
        ((PruneSearch(near=2), PROMPT), TRAIN, "522875ab17cdd66133816bc7"),
        ((PROMPT, POOL), (), "a85f28e20953ebec96bf4c1a"),
    ],
    ids=("substitute", "generate", "slopes", "answers-prune", "answers-paraphrase"),
)
def test_keys_of_work(inputs, rows, key):
    score = Names()
    ledgered(score, "work 1", None, inputs, rows)
    assert score.names == [f"work 1 {key}"]


def test_work_without_inputs_has_its_name_for_a_key():
    score = Names()
    ledgered(score, "lm-score 0123 0-8", None)
    assert score.names == ["lm-score 0123 0-8"]


def test_keys_of_values_hold_the_new_items_alone():
    score = Names(size=2)
    values = LedgeredValues(score, "worth", print, in_key=tuple)
    assert values.of([(1, 2), (3, 4), (1, 2)], (0, 3)) == [0.0] * 3
    assert values.of([(3, 4)], (0, 3)) == [0.0]
    assert score.names == ["worth 0a3662bb0b6c5d6363318ad2"]
    score.size = 1
    texts = LedgeredValues(score, "fluency", print, in_key=str)
    texts.of([Template.parse("{text} It was [Z] .")])
    assert score.names[1:] == ["fluency cb77c64398bfea1ccaf68577"]


def test_keys_of_mining():
    terms = SearchTerms((("Paris", "France"),), (("great", "positive"),))
    reading = CorpusFormat("text")
    request = MiningRequest(terms, (Path("a.txt"),), ("a film",), True, reading)
    stamp = digest(MiningSearch(), request, [("a.txt", 1, 2)], True)
    assert stamp == "b1bd88ab37964574cb2c"
    assert digest(reading, SnippetLimits(parsed=3)) == "60e8820053f9f29cfa6a"


def test_strategies_name_their_work_in_one_place():
    files = {path for path in SEARCHERS.rglob("*.py") if ".once(" in path.read_text()}
    assert files == OWNERS
