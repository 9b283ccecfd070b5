"""Workloads whose passes share work, which a plain loop computes again."""

from collections.abc import Callable
from dataclasses import dataclass

from promptsearch.bench.sentences import FOLDER, sentences
from promptsearch.bench.workload import TEMPLATES, Workload
from promptsearch.models import Family

ANSWERS = (  # three to five tokens each, with nothing in common
    "one of the best",
    "a waste of time",
    "better than I expected",
    "not worth the money",
    "hard to put down",
    "far too long",
    "well worth a look",
    "the worst of all",
)
SUFFIXES = (
    "It was",
    "All in all , it was",
    "In summary , it was",
    "My verdict : it was",
    "To be honest , it was",
    "I thought it was",
    "They said it was",
    "In one word , it was",
)
CAPITALS = FOLDER / "capitals.candidates.txt"
CANDIDATES = 32
PARAGRAPH = 4  # sentences
SHOTS = 7  # examples with answers in the long prefix, about 200 tokens


@dataclass(frozen=True)
class Scenario:
    """Workload of shared work: its families, the speed-up to reach, and a round's texts."""

    name: str
    families: tuple[Family, ...]
    goal: float | None  # times a plain loop's speed
    work: Callable[[tuple[str, ...]], Workload]  # from a round's sentences


def _answers(texts: tuple[str, ...]) -> Workload:
    return Workload(texts, (TEMPLATES["causal"],), ANSWERS)


def _suffixes(texts: tuple[str, ...]) -> Workload:
    return Workload(texts, tuple(f"{{text}} {suffix} [Z]" for suffix in SUFFIXES))


def _shots(texts: tuple[str, ...]) -> Workload:
    shots = [text for text in sentences(4 * SHOTS, seed=1) if not set(text) & set("{}[]")]
    demonstrations = " ".join(
        f"{text} It was {'great' if i % 2 else 'terrible'} ."
        for i, text in enumerate(shots[:SHOTS])
    )
    return Workload(texts, (f"{demonstrations} {TEMPLATES['causal']}",))


def _encoded(texts: tuple[str, ...]) -> Workload:
    return Workload(texts, (TEMPLATES["seq2seq"],), ANSWERS)


def _paragraphs(texts: tuple[str, ...]) -> Workload:
    """Return a workload of each sentence with the next ones after it, cyclically."""
    turned = [texts[i:] + texts[:i] for i in range(len(texts))]
    return _encoded(tuple(" ".join((each * PARAGRAPH)[:PARAGRAPH]) for each in turned))


def _candidates(texts: tuple[str, ...]) -> Workload:
    names = CAPITALS.read_text(encoding="utf-8").splitlines()[:CANDIDATES]
    return Workload(texts, (TEMPLATES["seq2seq"],), tuple(names))


SCENARIOS = (
    Scenario("8 answers of several tokens after one prefix", ("causal",), 3.0, _answers),
    Scenario("8 templates after one input", ("causal",), 3.0, _suffixes),
    Scenario("one long prefix of examples", ("causal",), 3.0, _shots),
    Scenario("8 answers of several tokens, sentence encoded once", ("seq2seq",), None, _encoded),
    Scenario("the same, paragraph encoded once", ("seq2seq",), 5.0, _paragraphs),
    Scenario("32 candidates, sentence encoded once", ("seq2seq",), 5.0, _candidates),
)
