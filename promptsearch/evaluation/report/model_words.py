"""The words that a model itself would put into a prompt's slots, answers or not."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from promptsearch.evaluation.report.statistics.mistakes import Mistake, SlotWords
from promptsearch.models import LanguageModel, Scoring, ScoringRequest
from promptsearch.prompt import Answer, Filled, Prompt, Slot
from promptsearch.searchers.answers.common.score_table import log_probs

TOP = 5


def with_slot_words(
    model: LanguageModel, prompt: Prompt, mistakes: Sequence[Mistake], top: int = TOP
) -> tuple[Mistake, ...]:
    """Return the mistakes, each with the likeliest of the model's whole words at every slot.

    The slots before hold the words of the predicted label, those behind stay open. Causal models
    read the text before the slot only, so the text behind it has no influence.
    """
    words = model.vocabulary_words()
    if not words or not mistakes or prompt.template.takes_choices:  # yes or no at options
        return tuple(mistakes)
    words_by_slot = [
        _slot_words(model, prompt, mistakes, slot, words, top) for slot in prompt.template.slots
    ]
    return tuple(
        replace(mistake, words=slot_words)
        for mistake, *slot_words in zip(mistakes, *words_by_slot, strict=True)
    )


def _slot_words(
    model: LanguageModel,
    prompt: Prompt,
    mistakes: Sequence[Mistake],
    slot: str,
    words: Sequence[str],
    top: int,
) -> Iterator[SlotWords]:
    """Return the likeliest words of each mistake, in order."""
    groups: dict[Answer, list[int]] = {}  # mistakes by what stands in the slots before
    for index, mistake in enumerate(mistakes):
        groups.setdefault(_before(prompt, mistake.predicted, slot), []).append(index)
    questions = []
    for before, indices in groups.items():
        texts = [_text(model, prompt, mistakes[index], slot) for index in indices]
        questions.append(ScoringRequest(texts, [(*before, (slot, word)) for word in words]))
    plan = model.plan_all(questions, Scoring("independent"))
    shares = log_probs(model, plan, len(mistakes), len(words)).softmax(1).numpy()
    order = [index for indices in groups.values() for index in indices]
    return (_best(slot, words, shares[order.index(p)], top) for p in range(len(mistakes)))


def _best(slot: str, words: Sequence[str], shares: NDArray[np.float32], top: int) -> SlotWords:
    best = np.argsort(-shares, kind="stable")[:top].tolist()
    return SlotWords(slot, tuple((words[i], float(shares[i])) for i in best))


def _before(prompt: Prompt, predicted: str, slot: str) -> Answer:
    """Return the predicted label's answer in the slots before this one."""
    earlier = prompt.template.slots[: prompt.template.slots.index(slot)]
    answers = prompt.verbalizer.get(predicted) or ((),)  # none of a choice that is no candidate
    return tuple(pair for pair in answers[0] if pair[0] in earlier)


def _text(model: LanguageModel, prompt: Prompt, mistake: Mistake, slot: str) -> Filled:
    """Return the text to read; causal: up to the slot, or the rest is read again for every word."""
    text = prompt.template.fill(mistake.example.inputs, mistake.example.choices)
    if model.info.family != "causal":
        return text
    end = next(i for i, part in enumerate(text) if isinstance(part, Slot) and part.name == slot)
    return text[: end + 1]
