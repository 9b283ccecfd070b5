"""A judge that needs no model, and a small task, for tests of strategies."""

import numpy as np
from tiny import tiny

from promptsearch.data import CLASSIFICATION, FACTS, Example
from promptsearch.engine.strategy import Task
from promptsearch.metrics.predictions import Predictions
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.scoring import Cost, PredictionBatch

CORPUS = "Paris is the capital of France .\nOslo is the lovely capital of Norway .\n"


class ShorterIsBetter:
    """A foreign judge: no model, no scorer of ours."""

    def count(self, on):
        return 4

    def cost(self, prompts, on, rows):
        return Cost(4 * len(prompts))

    def predict(self, prompts, on, rows):
        return PredictionBatch(tuple(prompts), self.cost(prompts, on, rows))

    def outcomes(self, prompt):
        return {}

    def scores(self, prompt):
        return {"log_likelihood": -float(len(str(prompt.template))), "n": 4}

    def recalled(self, prompt, on, rows, outcomes):
        right, first = np.full(4, -float(len(str(prompt.template)))), np.ones(4, dtype=np.int64)
        return Predictions(("x",), (("x",),) * 4, right, first - 1, first)


def reviews():
    """Four labelled texts, with a tiny masked model."""
    texts = {
        "a great film": "good",
        "a terrible plot": "bad",
        "a wonderful story": "good",
        "an awful actor": "bad",
    }
    labels = ("bad", "good")
    return Task(
        "reviews",
        CLASSIFICATION,
        Prompt(
            Template.parse("{text} It was [Z] ."),
            Verbalizer.of({"bad": "terrible", "good": "great"}),
        ),
        [Example(str(i), {"text": t}, (label,)) for i, (t, label) in enumerate(texts.items())],
        ("text",),
        labels,
        model=tiny("bert")[0],
    )


def capitals(tmp_path):
    """Two facts, with a corpus and a tiny masked model."""
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(CORPUS * 3)
    facts = {"France": "Paris", "Norway": "Oslo"}
    return Task(
        "capitals",
        FACTS,
        Prompt(
            Template.parse("Of the country that is called {subject}, the capital is [Z] ."),
            Verbalizer.of_candidates(("Paris", "Oslo", "Rome")),
        ),
        [Example(str(i), {"subject": s}, (o,)) for i, (s, o) in enumerate(facts.items())],
        ("subject",),
        corpus=(corpus,),
        model=tiny("bert")[0],
    )
