"""Rows with choices of their own: only these are scored, and log p is over them alone.

A choice is answered as the verbalizer says of the label of that name, else by itself in the slot.
Choices that the model reads alike count as the first of them, where it merges labels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from promptsearch.data import Dataset, Example
from promptsearch.data.examples import choices_in
from promptsearch.errors import PromptError
from promptsearch.metrics.predictions import Floats
from promptsearch.models import LanguageModel, Plan, ScoredTexts, Scoring, ScoringRequest
from promptsearch.prompt import Prompt, Verbalizer
from promptsearch.prompt.row_options import choice_slots
from promptsearch.scoring.label_aggregation import AnswerScore, LabelAggregation, same_texts

PAIRS = 2048  # of prompts and examples, planned at a time


@dataclass(frozen=True)
class ChoiceLabels:
    """What stands for each of an example's choices, by their positions."""

    columns: tuple[int, ...]  # indices of labels
    alike: tuple[int, ...]  # the position of the first choice that counts as the same one

    @property
    def distinct(self) -> tuple[int, ...]:
        """The positions of choices that count."""
        return tuple(i for i, first in enumerate(self.alike) if i == first)


def choice_labels(labelling: LabelAggregation, examples: Dataset) -> list[ChoiceLabels]:
    """Return the labels of each example's choices; of one without choices, all labels."""
    index = {label: number for number, label in enumerate(labelling.labels)}
    known: dict[tuple[str, ...], ChoiceLabels] = {}
    for choices in {e.choices: None for e in examples}:
        columns = tuple(index[choice] for choice in choices or labelling.labels)
        first: dict[int, int] = {}
        canonical = (labelling.canonical_label[column] for column in columns)
        alike = tuple(first.setdefault(label, i) for i, label in enumerate(canonical))
        known[choices] = ChoiceLabels(columns, alike)
    return [known[example.choices] for example in examples]


def right_positions(example: Example, labels: ChoiceLabels) -> list[int]:
    """Return the positions of the right choices; none where no right answer is a choice.

    Nor is any where the model reads all choices alike, as unknown words: it chose nothing.
    """
    if len(example.choices) > 1 and len(labels.distinct) == 1:
        return []
    pairs = zip(example.choices, labels.alike, strict=True)
    return sorted({first for choice, first in pairs if choice in example.targets})


def with_choices(
    labelling: LabelAggregation, verbalizer: Verbalizer, examples: Dataset, model: LanguageModel
) -> LabelAggregation:
    """Return a verbalizer's labels, and after them the choices of examples that it lacks.

    `labelling` is that of the verbalizer; labels are merged where it merges any.
    """
    extra = tuple(choice for choice in choices_in(examples) if choice not in verbalizer)
    if not extra:
        return labelling
    labels = (*labelling.labels, *extra)
    alike = tuple(range(len(labels)))
    if labelling.merges:
        alike = same_texts(model, [*(a[0][0][1] for _, a in verbalizer.pairs), *extra])
    return replace(labelling, labels=labels, canonical_label=alike)


@dataclass(frozen=True)
class ChoiceRequest:
    """Examples that have the same choices, under one prompt whose labels are these."""

    prompt: int  # which of the prompts
    rows: Sequence[int]
    labels: ChoiceLabels
    verbalizer: Verbalizer  # of what is scored: the distinct choices, or all labels for a head
    aggregation: LabelAggregation
    scored: tuple[int, ...]  # where the distinct choices are among its labels


@dataclass(frozen=True)
class ChoicePlanner:
    """Plans of prompts over examples with choices; `labellings` know all choices."""

    model: LanguageModel
    scoring: Scoring
    answer_score: AnswerScore
    prompts: Sequence[Prompt]
    labellings: Sequence[LabelAggregation]  # one a prompt
    examples: Dataset

    def plans(self) -> Iterator[tuple[Plan, Sequence[ChoiceRequest]]]:
        """Yield plans that together have every prompt with every example once."""
        step = max(1, PAIRS // len(self.prompts))
        for start in range(0, len(self.examples), step):
            rows = range(start, min(start + step, len(self.examples)))
            for first in range(0, len(self.prompts), PAIRS):
                numbers = range(first, min(first + PAIRS, len(self.prompts)))
                alike: dict[tuple[str, ...], list[ChoiceRequest]] = {}
                for request in (r for number in numbers for r in self._requests(number, rows)):
                    alike.setdefault(self._slots(request), []).append(request)
                for requests in alike.values():  # a plan asks all its answers of any text
                    yield from self._uncut(requests)

    def results(
        self, plan: Plan, requests: Sequence[ChoiceRequest]
    ) -> Iterator[tuple[ChoiceRequest, list[int], Floats]]:
        """Yield examples of a request, and log p (example, choice) of all their choices."""
        owners = [(r, row) for r, request in enumerate(requests) for row in request.rows]
        for block in self.model.run(plan):
            by_request: dict[int, list[int]] = {}
            for number, row in enumerate(block.rows):
                by_request.setdefault(owners[row][0], []).append(number)
            for r, numbers in by_request.items():
                rows = [owners[block.rows[number]][1] for number in numbers]
                yield requests[r], rows, _log_probs(requests[r], block, numbers)

    def _uncut(
        self, requests: Sequence[ChoiceRequest]
    ) -> Iterator[tuple[Plan, Sequence[ChoiceRequest]]]:
        """Yield the requests' plan, or that of each half if a text is cut for a longer answer.

        What a row scores must not depend on the choices of others.
        """
        plan = self.model.plan_all([self._texts(each) for each in requests], self.scoring)
        if len(requests) == 1 or not plan.cut:
            yield plan, requests
            return
        middle = len(requests) // 2
        yield from self._uncut(requests[:middle])
        yield from self._uncut(requests[middle:])

    def _slots(self, request: ChoiceRequest) -> tuple[str, ...]:
        """Return the slots of the request's texts."""
        template = self.prompts[request.prompt].template
        options = choice_slots(len(request.verbalizer)) if template.takes_choices else ()
        return tuple(options) or template.slots

    def _texts(self, request: ChoiceRequest) -> ScoringRequest:
        template = self.prompts[request.prompt].template
        inputs = (self.examples[row].inputs for row in request.rows)
        texts = [template.fill(each, request.verbalizer.labels) for each in inputs]
        return ScoringRequest(texts, request.verbalizer.answers)

    def _requests(self, number: int, rows: range) -> Iterator[ChoiceRequest]:
        """Yield the requests of a prompt on these rows."""
        labelling = self.labellings[number]
        labels = choice_labels(labelling, [self.examples[row] for row in rows])
        together: dict[ChoiceLabels, list[int]] = {}
        for row, each in zip(rows, labels, strict=True):
            together.setdefault(each, []).append(row)
        for each, same in together.items():
            yield self._request(number, same, each, labelling.labels)

    def _request(
        self, number: int, rows: Sequence[int], labels: ChoiceLabels, names: Sequence[str]
    ) -> ChoiceRequest:
        prompt = self.prompts[number]
        columns = [labels.columns[position] for position in labels.distinct]
        if prompt.template.head is not None:  # it reads all of its labels, and no others
            verbalizer, scored = prompt.verbalizer, tuple(columns)
        else:
            verbalizer = choice_verbalizer(prompt, [names[column] for column in columns])
            scored = tuple(range(len(columns)))
        how = self.answer_score, False, self.scoring.options_score
        aggregation = LabelAggregation.of(verbalizer, self.model, *how)
        return ChoiceRequest(number, rows, labels, verbalizer, aggregation, scored)


def choice_verbalizer(prompt: Prompt, choices: Sequence[str]) -> Verbalizer:
    """Return the answers of these choices. Raises PromptError if one cannot fill the slots."""
    verbalizer, slots = prompt.verbalizer, prompt.template.slots
    if len(slots) > 1 and (free := [each for each in choices if each not in verbalizer]):
        raise PromptError(
            f"the choice {free[0]!r} has no answer for the slots {', '.join(slots)}; give it one, "
            "or use a template with one [Z]"
        )
    if verbalizer.yes is not None:
        of_choices = choice_slots(len(choices))
        return Verbalizer.of_slots(choices, of_choices, verbalizer.yes, verbalizer.no or "")
    pairs = (
        (each, verbalizer[each] if each in verbalizer else (((slots[0], each),),))
        for each in choices
    )
    return Verbalizer(tuple(pairs), verbalizer.no)


def _log_probs(request: ChoiceRequest, block: ScoredTexts, numbers: Sequence[int]) -> Floats:
    """Return log p (example, choice) of texts of a block, over the choices alone."""
    answers = block.log_probs[numbers][:, : len(request.verbalizer.answers)]
    scores = request.aggregation.label_scores(answers)[:, list(request.scored)]
    values = np.full((len(numbers), len(request.labels.columns)), -np.inf)
    values[:, request.labels.distinct] = scores.log_softmax(1).double().numpy()
    return values
