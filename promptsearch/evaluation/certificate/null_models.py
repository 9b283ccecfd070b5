"""Null models of a gain: rows with shuffled labels, and random prompts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

import numpy as np

from promptsearch.evaluation.certificate.comparison import Comparison, Design
from promptsearch.evaluation.certificate.crossfit import cross_fit
from promptsearch.evaluation.certificate.untrained import untrained
from promptsearch.language.words import is_spaced
from promptsearch.metrics.predictions import Ints
from promptsearch.prompt import Answer, Prompt, Source, Text, Verbalizer

SHUFFLES = 200


@dataclass(frozen=True)
class Shuffled:
    """Gains where labels are shuffled among the rows."""

    times: int
    p: float  # how often they are as large, the labels as they are counted once
    seeming: float  # mean gain of the winner on the rows that chose it: what choosing alone gives


def shuffled_labels(comparison: Comparison, design: Design, times: int) -> Shuffled:
    """Return the permutation test of the cross-fitted gain (one repeat of folds each time)."""
    rng = np.random.default_rng([design.seed, 6])
    gold, metric = comparison.strata, design.metric

    def gain(labels: Ints) -> tuple[float, float]:
        ours, theirs = comparison.matrix.relabelled(labels), comparison.manual.relabelled(labels)
        choose, rival = ours.choice(design.objective), theirs.alone(metric)
        fit = cross_fit(choose, labels, folds=design.folds, repeats=1, seed=design.seed)
        winner = choose(np.arange(len(labels)))
        honest = ours.value(metric, fit.chosen[0]).mean() - rival.mean()
        return float(honest), float(ours.alone(metric, winner).mean() - rival.mean())

    real, _ = gain(gold)
    null = np.array([gain(rng.permutation(gold)) for _ in range(times)])
    p = (1 + int((null[:, 0] >= real - 1e-12).sum())) / (1 + times)
    return Shuffled(times, p, float(null[:, 1].mean()))


@dataclass(frozen=True)
class Randomiser:
    """Maker of random prompts with a prompt's layout: as many words, punctuation unchanged.

    Answers that are not the manual ones are drawn anew too; no word is drawn twice in a prompt.
    Numbers that were trained become random ones of their size.
    """

    manual: Prompt
    vocabulary: Sequence[str]
    language: str = "en"

    def random_prompts_like(self, prompts: Sequence[Prompt], count: int, seed: int) -> list[Prompt]:
        """Return the distinct random prompts of `count` draws, in turn from each of the prompts."""
        rng = np.random.default_rng([seed, 7])
        chosen = islice(cycle(prompts), count)
        return list(dict.fromkeys(self._random_prompt_like(prompt, rng) for prompt in chosen))

    def _random_prompt_like(self, prompt: Prompt, rng: np.random.Generator) -> Prompt:
        order = rng.permutation(len(self.vocabulary)).tolist()
        drawn = (self.vocabulary[word] for word in cycle(order))
        parts = tuple(
            Text(self._reworded(part.text, drawn)) if isinstance(part, Text) else part
            for part in prompt.template.parts
        )
        template = untrained(replace(prompt.template, parts=parts), rng)
        verbalizer = prompt.verbalizer
        if verbalizer != self.manual.verbalizer and template.head is None:
            pairs = tuple(
                (label, tuple(self._answer(answer, drawn) for answer in answers))
                for label, answers in verbalizer.pairs
            )
            verbalizer = Verbalizer(pairs, prompt.verbalizer.no)
        return Prompt(template, verbalizer, Source("random"))

    def _answer(self, answer: Answer, drawn: Iterator[str]) -> Answer:
        return tuple((slot, self._reworded(text, drawn)) for slot, text in answer)

    def _reworded(self, text: str, drawn: Iterator[str]) -> str:
        word = r"\w+" if is_spaced(self.language) else r"\w"
        return re.sub(word, lambda _: next(drawn), text)
