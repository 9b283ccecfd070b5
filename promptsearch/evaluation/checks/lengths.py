"""Findings about the room that a model has: templates that are too long, examples it would cut."""

from collections.abc import Iterator, Sequence

from promptsearch.data import Split
from promptsearch.errors import ModelError
from promptsearch.evaluation.checks.finding import Finding
from promptsearch.models import LanguageModel, Scoring
from promptsearch.prompt import Answer, Filled, Input, Template, Text
from promptsearch.prompt.template import emptied

SAMPLED = 256  # examples of a split, spread over it


def length_findings(
    template: Template, answer: Answer, splits: Sequence[Split], model: LanguageModel
) -> Iterator[Finding]:
    """Yield findings with the prompt's longest answer in its slots."""
    try:
        inputs = {**dict.fromkeys(template.fields, ""), **emptied(splits[0].examples[0].inputs)}
        _plan([template.fill(inputs)], answer, model)
    except ModelError as error:
        yield Finding("error", str(error))
        return
    if model.info.max_tokens is not None:
        for split in splits:
            yield from _cut(template, answer, split, model)


def _cut(
    template: Template, answer: Answer, split: Split, model: LanguageModel
) -> Iterator[Finding]:
    step = -(-len(split.examples) // SAMPLED)
    usable = [e.inputs for e in split.examples[::step] if set(template.fields) <= e.inputs.keys()]
    texts = sorted((_fixed(template.fill(inputs)) for inputs in usable), key=_size)
    if long := _too_long(texts, answer, model):
        looked = f" (of {len(texts)} looked at)" if step > 1 else ""
        yield Finding(
            "warning",
            f"{split.name}: {long / len(texts):.0%} of the examples{looked} are longer than the "
            f"{model.info.max_tokens} tokens of {model.info.spec}: the end of their longest input "
            "is cut; shorten the template, or use a model that reads more",
        )


def _too_long(texts: Sequence[Filled], answer: Answer, model: LanguageModel) -> int:
    """Return the number of texts that the model has no room for, by halves."""
    if not texts or _fits(texts, answer, model):
        return 0
    middle = len(texts) // 2
    return (
        _too_long(texts[:middle], answer, model) + _too_long(texts[middle:], answer, model)
        if middle
        else 1
    )


def _fits(texts: Sequence[Filled], answer: Answer, model: LanguageModel) -> bool:
    try:
        _plan(texts, answer, model)
    except ModelError:
        return False
    return True


def _plan(texts: Sequence[Filled], answer: Answer, model: LanguageModel) -> None:
    model.plan(texts, [answer], Scoring("independent"))


def _fixed(filled: Filled) -> Filled:
    """Return the text with its inputs as template words, which are never cut."""
    return tuple(Text(part.text) if isinstance(part, Input) else part for part in filled)


def _size(filled: Filled) -> int:
    return sum(len(part.text) for part in filled if isinstance(part, Text))
