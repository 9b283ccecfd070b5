"""Plans of texts with soft tokens, prefixes or heads, and what runs them: for every family.

Texts that share a prefix and a head are planned by the family as any texts, in a runtime with so
much less room; their blocks know the prefix and the head, so that one plan may hold several.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from promptsearch.errors import ModelError
from promptsearch.models import Scoring, ScoringRequest
from promptsearch.models.batching.batch_plan import BatchPlan, EncodedText, PlanBlock
from promptsearch.models.batching.completions import Completions
from promptsearch.models.batching.head_items import head_items, tag_items
from promptsearch.models.batching.prefix_tensors import HeadTensors, PrefixTensors
from promptsearch.models.batching.prefix_tree import common_prefix_length
from promptsearch.models.families.family import ModelFamily
from promptsearch.models.forward.backends import ForwardBackend
from promptsearch.models.forward.continuous_forward import (
    HeadForward,
    with_prefix,
    with_soft_tokens,
)
from promptsearch.models.forward.embedding_table import embedding_weight, first_free_id
from promptsearch.models.forward.layer_prefixes import no_prefix
from promptsearch.models.forward.option_forward import option_tokens, with_options
from promptsearch.models.forward.runtime import Backend, ModelRuntime, width_of
from promptsearch.models.forward.score import ForwardRecipe
from promptsearch.models.tokenization.deep_parts import PREFIX_END, DeepParts, by_deep_parts
from promptsearch.models.tokenization.encode import line_of
from promptsearch.models.tokenization.option_passes import OptionPasses
from promptsearch.models.tokenization.option_texts import has_options, option_count, separated
from promptsearch.models.tokenization.soft_tokens import SoftTokens, has_soft
from promptsearch.models.tokenization.word_positions import word_positions
from promptsearch.prompt import Filled, Head, Separator, Slot

ANSWER = "a"  # an answer, where a head needs none


def soft_tokens_of(runtime: ModelRuntime[Any]) -> SoftTokens:
    """Return a count of soft tokens, for texts that a model encodes together."""
    first = first_free_id(runtime.model, runtime.batch_limits.vocabulary)
    return SoftTokens(runtime.info, first, embedding_weight(runtime.model).shape[1])


def plan_of(
    family: ModelFamily[Backend],
    runtime: ModelRuntime[Backend],
    requests: Sequence[ScoringRequest],
    scoring: Scoring,
) -> BatchPlan:
    """Return the family's plan of the requests, with what their texts have beside tokens."""
    table = None
    if any(has_soft(text) for request in requests for text in request.texts):
        numbered = soft_tokens_of(runtime)
        requests, table = numbered.requests(requests), numbered.table
    if any(has_options(text) for request in requests for text in request.texts):
        requests = separated(requests, option_tokens(runtime).separator)
    groups = by_deep_parts(requests, runtime.info.family == "causal")
    if list(groups) == [DeepParts()]:
        return replace(family.plan_all(runtime, requests, scoring), soft=table)
    plans = [
        (_deep_plan(family, runtime, deep, of_group, scoring), rows)
        for deep, (of_group, rows) in groups.items()
    ]
    width = max(width_of(requests), *(_width(plan) for plan, _ in plans))
    return replace(_joined([_moved(plan, rows, width) for plan, rows in plans]), soft=table)


def recipe_of(
    family: ModelFamily[Backend], runtime: ModelRuntime[Backend], plan: BatchPlan
) -> ForwardRecipe:
    """Return the family's recipe for a plan, which knows what its texts have beside tokens."""
    backend, device = runtime.backend_for(plan), runtime.device

    def recipe_for(behind: Backend) -> ForwardRecipe:
        recipe = family.recipe(behind)
        if plan.soft is None:
            return recipe
        return with_soft_tokens(recipe, plan.soft, runtime.model)

    def prepare(block: PlanBlock) -> ForwardBackend:
        behind = backend
        if block.options:
            behind = with_options(behind, option_tokens(runtime), runtime.model)
        if block.prefix is not None:
            prefix = plan.prefixes.get(block.prefix) or PrefixTensors.of(block.prefix, device)
            behind = with_prefix(behind, prefix)
        forward = recipe_for(behind).prepare(block)
        if block.head is None:
            return forward
        head = plan.heads.get(block.head) or HeadTensors.of(block.head, device)
        return HeadForward(forward, head)

    return ForwardRecipe(recipe_for(backend).assemble, prepare)


def _deep_plan(
    family: ModelFamily[Backend],
    runtime: ModelRuntime[Backend],
    deep: DeepParts,
    requests: Sequence[ScoringRequest],
    scoring: Scoring,
) -> BatchPlan:
    """Return the plan of texts that share a prefix and a head."""
    deep.check(runtime.info)
    if deep.options:
        return _option_plan(family, runtime.for_options, deep, requests, scoring)
    runtime = behind_prefix(runtime, deep.prefix.length if deep.prefix else 0)
    if deep.head is not None:
        _check_labels(deep.head, requests)
        requests = [ScoringRequest(each.texts, [_answer(each.texts)]) for each in requests]
        scoring = Scoring("independent")
    try:
        plan = family.plan_all(runtime, requests, scoring)
    except ModelError as error:
        if deep.prefix is None:
            raise
        raise ModelError(f"{error} (its prefix takes {deep.prefix.length} of them)") from None
    items = [item for block in plan.blocks for item in block.items]
    if deep.prefix is not None and deep.prefix.continues:
        items = [_continued(item) for item in items]
    words = _word_positions(runtime, deep, requests, items)
    if deep.slotless:
        items = [_without_slot(item) for item in items]
    if deep.head is not None:
        items = _read_items(runtime, deep.head, items, words)
    again = runtime.plan_batches(items, plan.encoder_decoder)
    if deep.prefix is not None and not again.limits.packed:
        raise ModelError(
            f"{runtime.info.spec!r} reads a prefix in packed sequences of up to {runtime.window:,} "
            "tokens only, and a text is longer; shorten the texts"
        )
    blocks = (replace(block, prefix=deep.prefix, head=deep.head) for block in again.blocks)
    return replace(again, blocks=tuple(blocks), cut=plan.cut)


def _option_plan(
    family: ModelFamily[Backend],
    runtime: ModelRuntime[Backend],
    deep: DeepParts,
    requests: Sequence[ScoringRequest],
    scoring: Scoring,
) -> BatchPlan:
    """Return the plan of texts with options, whose answers are read as logits at the masks."""
    passes = None
    if scoring.options_per_pass is not None:
        passes = OptionPasses.of(requests, scoring.options_per_pass)
        requests = passes.requests
    if deep.prefix is not None or deep.head is not None:
        raise ModelError("options go with neither a prefix nor a head; leave that out")
    try:
        plan = family.plan_all(runtime, requests, Scoring("independent"))
    except ModelError:
        for request in requests:
            _check_options_fit(runtime, request.texts)
        raise
    items = [item for block in plan.blocks for item in block.items]
    if any(item.completions.longest > len(item.slots) for item in items):
        raise _several_tokens(runtime, requests)
    items = [replace(item, completions=item.completions.as_logits) for item in items]
    if passes is not None:
        rows = passes.rows
        items = [replace(item, rows=[rows[row] for row in item.rows]) for item in items]
    again = runtime.plan_batches(items)
    blocks = tuple(replace(block, options=True) for block in again.blocks)
    return replace(again, blocks=blocks, cut=plan.cut, adds_up=passes is not None)


def _several_tokens(runtime: ModelRuntime[Any], requests: Sequence[ScoringRequest]) -> ModelError:
    """Return the error about the longest word that is said to an option."""
    texts = {text for request in requests for answer in request.answers for _, text in answer}
    lengths = {text: len(runtime.tokens.encode([(text,)], special=False)[0]) for text in texts}
    word = max(sorted(lengths), key=lambda text: lengths[text])
    return ModelError(
        f"{word!r}, said to the options, is {lengths[word]} tokens of {runtime.info.spec!r}; give "
        "`yes` and `no` as words of one token"
    )


def _check_options_fit(runtime: ModelRuntime[Any], texts: Sequence[Filled]) -> None:
    """Raise ModelError if the options of a text alone are more than the model reads."""
    for text in texts:
        options = text[: next(i for i, part in enumerate(text) if isinstance(part, Separator)) + 1]
        mask = runtime.tokenizer.mask_token_id
        (ids,) = runtime.tokens.encode([line_of(options, [mask])])
        if len(ids) >= runtime.limit:
            raise ModelError(
                f"{option_count(text)} options take {len(ids):,} tokens, and "
                f"{runtime.info.spec!r} reads {runtime.limit:,}; shorten them, or give "
                "`options_per_pass`"
            ) from None


def _read_items(
    runtime: ModelRuntime[Backend],
    head: Head,
    items: Sequence[EncodedText],
    words: Sequence[Sequence[int]],
) -> list[EncodedText]:
    """Return the texts with what a head reads of them."""
    masked = runtime.info.family == "masked"
    if head.reads == "token":
        longest = max(map(len, words))
        return tag_items(items, words, head.labels, longest, masked)
    return head_items(items, head.reads, head.labels, masked)


def _word_positions(
    runtime: ModelRuntime[Backend],
    deep: DeepParts,
    requests: Sequence[ScoringRequest],
    items: Sequence[EncodedText],
) -> list[list[int]]:
    """Return where the words stand in each text that a head reads word by word; else nothing.

    A masked model's words are read at their first token, as published; a causal model's at their
    last, since it sees nothing of a word before that. Words that were cut off have none.
    """
    if deep.head is None or deep.head.reads != "token":
        return []
    if runtime.info.family == "seq2seq":
        raise ModelError(
            f"words are tagged by what an encoder or a causal model says of each; the decoder of "
            f"{runtime.info.spec!r} reads them not one by one: use a masked or a causal model"
        )
    texts = [text for request in requests for text in request.texts]
    masked = runtime.info.family == "masked"
    control = runtime.tokenizer.mask_token_id if masked else 0
    distinct = [texts[item.rows[0]] for item in items]
    located = word_positions(distinct, runtime.tokens, control, "first" if masked else "last")
    pairs = zip(items, located, strict=True)
    return [
        [p for p in positions if p < common_prefix_length(list(item.ids), ids)]
        for item, (ids, positions) in pairs
    ]


def behind_prefix(runtime: ModelRuntime[Backend], length: int) -> ModelRuntime[Backend]:
    """Return the runtime with room for a prefix before each sequence.

    Raises ModelError if there is none, or the model's attention knows no prefix.
    """
    if not length:
        return runtime
    if runtime.fast is None:
        raise no_prefix(runtime.info.spec)
    limit = runtime.info.max_tokens
    if limit is not None and runtime.info.family != "seq2seq":
        if limit <= length:
            raise ModelError(
                f"a prefix of {length} leaves no room: {runtime.info.spec!r} reads {limit} tokens; "
                "give a smaller `length`"
            )
        limit -= length
    return replace(
        runtime,
        info=replace(runtime.info, max_tokens=limit),
        window=runtime.window - length,
        batch_limits=replace(runtime.batch_limits, prefix=length),
    )


def _check_labels(head: Head, requests: Sequence[ScoringRequest]) -> None:
    for request in requests:
        if len(request.answers) != head.labels:
            raise ModelError(
                f"the head has {head.labels} labels, but there are {len(request.answers)} answers"
            )


def _answer(texts: Sequence[Filled]) -> tuple[tuple[str, str], ...]:
    """Return an answer for the first slot: what a head reads does not depend on it."""
    slots = [part.name for part in texts[0] if isinstance(part, Slot)]
    return ((slots[0], ANSWER),) if slots else ()


def _continued(item: EncodedText) -> EncodedText:
    """Return the text without all that stands before it, which is in its prefix."""
    ids = list(item.ids)
    rest = tuple(ids[ids.index(PREFIX_END) + 1 :])
    if not rest:
        raise ModelError("nothing stands between the prefix and the slot; write a text there")
    return replace(item, ids=rest)


def _without_slot(item: EncodedText) -> EncodedText:
    """Return the text without its only slot, the last of its tokens but for special ones."""
    if not item.slots:
        return item  # a causal model's answers follow it
    (slot,) = item.slots
    return replace(item, ids=(*item.ids[:slot], *item.ids[slot + 1 :]), slots=())


def _width(plan: BatchPlan) -> int:
    """Return how many answers a text of the plan has."""
    return max((len(b.items[0].completions.divisors) for b in plan.blocks), default=0)


def _moved(plan: BatchPlan, rows: Sequence[int], width: int) -> BatchPlan:
    """Return the plan of some rows of a request, as rows of all, and as wide as all."""
    wide: dict[Completions, Completions] = {}

    def widened(completions: Completions) -> Completions:
        if completions not in wide:
            ones = torch.ones(width - len(completions.divisors))
            divisors = torch.cat([completions.divisors, ones.to(completions.divisors)])
            wide[completions] = replace(completions, divisors=divisors)
        return wide[completions]

    def moved(item: EncodedText) -> EncodedText:
        completions = widened(item.completions)
        return replace(item, rows=[rows[row] for row in item.rows], completions=completions)

    blocks = (replace(b, items=tuple(map(moved, b.items))) for b in plan.blocks)
    return replace(plan, blocks=tuple(blocks))


def _joined(plans: Sequence[BatchPlan]) -> BatchPlan:
    """Return the plans as one, with the widest limits. Raise ModelError if they differ in kind."""
    first = max(plans, key=lambda plan: plan.limits.prefix)
    if any(plan.limits.packed != first.limits.packed for plan in plans):
        raise ModelError("texts with and without a prefix are too long to be read together")
    blocks = tuple(block for plan in plans for block in plan.blocks)
    cut, adds_up = (any(getattr(plan, name) for plan in plans) for name in ("cut", "adds_up"))
    return replace(first, blocks=blocks, cut=cut, adds_up=adds_up)
