"""The judge of spans: one question for each span of a sentence, and spans that do not overlap.

`{span}` may stand in a template, whose labels are then compared span by span: log p(label). Or it
stands in the answers ("{span} is a location entity ."), as Cui et al. (2021) have it, and what is
compared over the whole sentence is how likely each such text is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from promptsearch.data import Dataset, Example
from promptsearch.data.tasks.span_rows import IN_ANSWERS, SPAN, SpanRule, names_span
from promptsearch.data.tasks.tagged_sentence import TEXT
from promptsearch.language.spans import OUTSIDE, Span, tags_of
from promptsearch.metrics.entity_f1 import entity_counts
from promptsearch.metrics.predictions import Floats, Predictions, TagPredictions
from promptsearch.models import Plan, ScoringRequest
from promptsearch.prompt import Answer, Prompt
from promptsearch.scoring.scorer import Cost, PredictionBatch, Scorer
from promptsearch.scoring.span_selection import best_by_first_word, best_labels, without_overlaps

SPANS = 8192  # scored at a time, at least those of a sentence
Rows = list[list[Example]]  # of each sentence a row a span


@dataclass(frozen=True)
class SpanScorer(Scorer):
    """Judges prompts of spans. An example without words is one span, to be learned from."""

    rule: SpanRule = SpanRule()

    def predict(self, prompts: Sequence[Prompt], examples: Dataset) -> PredictionBatch:
        """Return one `TagPredictions` a prompt, in order, and their cost."""
        distinct = list(dict.fromkeys(prompts))
        tables: dict[Prompt, list[Floats]] = {prompt: [] for prompt in distinct}
        cost = Cost()
        for rows in self._parts(examples):
            by_prompt, spent = self._scores(distinct, rows)
            cost += spent
            for prompt, values in by_prompt.items():
                tables[prompt] += values
        predictions = {
            prompt: self._predictions(prompt, tables[prompt], examples) for prompt in distinct
        }
        return PredictionBatch(tuple(predictions[prompt] for prompt in prompts), cost)

    def cost(self, prompts: Sequence[Prompt], examples: Dataset) -> Cost:
        """Return the cost of `predict`, from plans that are made for it and thrown away."""
        naming, others = _by_layout(prompts)
        cost = Cost()
        for rows in filter(any, self._parts(examples)):
            cost += super().cost(others, _flat(rows)) if others else Cost()
            cost += sum((Cost.of(self._answer_plan(prompt, rows)) for prompt in naming), Cost())
        return cost

    def _parts(self, examples: Dataset) -> Iterator[Rows]:
        """Yield the spans of the examples, as many together as `SPANS` allows."""
        part: Rows = []
        for rows in map(self._rows, examples):
            if any(part) and sum(map(len, part)) + len(rows) > SPANS:
                yield part
                part = []
            part.append(rows)
        if part:
            yield part

    def _rows(self, example: Example) -> list[Example]:
        if not example.words:
            return [example]
        return self.rule.rows(example, self.rule.bounds(example))

    def _scores(
        self, prompts: Sequence[Prompt], rows: Rows
    ) -> tuple[Mapping[Prompt, list[Floats]], Cost]:
        """Return the scores (span, label) of each sentence by prompt, and the cost."""
        (naming, others), cost = _by_layout(prompts), Cost()
        scores: dict[Prompt, list[Floats]] = {}
        if not any(rows):  # nothing is asked
            return {p: [np.zeros((0, len(p.verbalizer)))] * len(rows) for p in prompts}, cost
        if others:
            batch = super().predict(others, _flat(rows))
            ends = np.cumsum([len(each) for each in rows])[:-1]
            for prompt, predictions in zip(others, batch.predictions, strict=True):
                assert predictions.log_probs is not None, "types are few"
                scores[prompt] = np.split(predictions.log_probs, ends)
            cost += batch.cost
        for prompt in naming:
            scores[prompt], spent = self._answer_scores(prompt, rows)
            cost += spent
        return scores, cost

    def _answer_scores(self, prompt: Prompt, rows: Rows) -> tuple[list[Floats], Cost]:
        """Return the same where the answers name the span: a text is read once for all of them."""
        labelling = self.labelling(prompt.verbalizer)
        tables = [np.zeros((0, len(prompt.verbalizer)))] * len(rows)
        answers = len(prompt.verbalizer.answers)
        plan, known = self._answer_plan(prompt, rows), [n for n, each in enumerate(rows) if each]
        for block in self.model.run(plan):
            for number, values in zip(block.rows, block.log_probs, strict=True):
                row = known[number]
                scored = values[: answers * len(rows[row])].reshape(-1, answers)
                tables[row] = labelling.label_scores(scored).double().numpy()
        return tables, Cost.of(plan)

    def _answer_plan(self, prompt: Prompt, rows: Rows) -> Plan:
        """Return the plan of the sentences of which spans are asked about."""
        requests = [_request(prompt, spans) for spans in rows if spans]
        return self.model.plan_all(requests, self.scoring)

    def _predictions(
        self, prompt: Prompt, tables: Sequence[Floats], examples: Dataset
    ) -> Predictions:
        """Return what the tables come to, for sentences with tags or without, or for spans."""
        labels, first_words = prompt.verbalizer.labels, names_span(prompt)
        pairs = list(zip(tables, examples, strict=True))
        tags = tuple(tuple(self._tags(*pair, labels, first_words)) for pair in pairs)
        targets = tuple(example.targets for example in examples)
        none = np.zeros(len(examples), dtype=np.int64)
        gold = [self._gold(example) for example in examples]
        if not all(gold):
            unknown = np.full(len(examples), -np.inf)
            return TagPredictions(labels, targets, unknown, none, none, tags=tags)
        log_right: Floats = np.array([self._log_right(*pair, labels) for pair in pairs])
        right = [sum(map(str.__eq__, *each)) for each in zip(gold, tags, strict=True)]
        spans = entity_counts(gold, tags, self.rule.scheme)
        counts = np.column_stack([spans, right, list(map(len, gold))]).astype(np.int64)
        rank = np.where(counts[:, 3] == counts[:, 4], 1, 2)
        alone = not any(example.words for example in examples)  # spans, as rows
        log_probs = np.concatenate(list(map(_log_probs, tables))) if alone else None
        fixed = labels, targets, log_right, none, rank, log_probs, counts, tags
        return TagPredictions(*fixed, gold_tags=tuple(gold))

    def _tags(
        self, table: Floats, example: Example, labels: Sequence[str], first_words: bool
    ) -> list[str]:
        words = len(example.words) or 1
        bounds = self.rule.bounds(example) if example.words else [(0, 1)]
        scored = best_labels(bounds, table, labels)
        chosen = without_overlaps(best_by_first_word(scored) if first_words else scored)
        return tags_of(chosen, words, self.rule.scheme)

    def _gold(self, example: Example) -> tuple[str, ...]:
        """Return the tags of a sentence; of a span by itself those of one word."""
        if example.words:
            return example.tags
        spans = without_overlaps([(0.0, Span(0, 1, example.targets[0]))])
        return tuple(tags_of(spans, 1, self.rule.scheme))

    def _log_right(self, table: Floats, example: Example, labels: Sequence[str]) -> float:
        """Return the mean log p of the right labels: half of it of spans with a type."""
        if not len(table):
            return 0.0  # nothing is asked
        index = {label: number for number, label in enumerate(labels)}
        right = np.array([index[row.targets[0]] for row in self._rows(example)])
        values = _log_probs(table)[np.arange(len(right)), right]
        typed = right != index[OUTSIDE]
        return float(np.mean([values[part].mean() for part in (typed, ~typed) if part.any()]))


def _log_probs(table: Floats) -> Floats:
    """Return log p (span, label) over the labels."""
    log_probs: Floats = table - np.logaddexp.reduce(table, axis=1, keepdims=True)
    return log_probs


def _flat(rows: Rows) -> list[Example]:
    return [row for of_sentence in rows for row in of_sentence]


def _by_layout(prompts: Sequence[Prompt]) -> tuple[list[Prompt], list[Prompt]]:
    """Return the distinct prompts whose answers name the span, and those that do themselves."""
    distinct = list(dict.fromkeys(prompts))
    naming = [prompt for prompt in distinct if names_span(prompt)]
    return naming, [prompt for prompt in distinct if prompt not in naming]


def _request(prompt: Prompt, spans: Sequence[Example]) -> ScoringRequest:
    """Return a sentence's text, and the answers of all its spans."""
    answers = [
        _naming(answer, row.inputs[SPAN]) for row in spans for answer in prompt.verbalizer.answers
    ]
    return ScoringRequest([prompt.template.fill({TEXT: spans[0].inputs[TEXT]})], answers)


def _naming(answer: Answer, span: str) -> Answer:
    return tuple((slot, text.replace(IN_ANSWERS, span)) for slot, text in answer)
