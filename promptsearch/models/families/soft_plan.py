"""Plans of texts that may hold soft tokens, and what runs them: the same for every family."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from promptsearch.models import Scoring, ScoringRequest
from promptsearch.models.batching.batch_plan import BatchPlan
from promptsearch.models.families.family import ModelFamily
from promptsearch.models.forward.embedding_table import embedding_weight, first_free_id
from promptsearch.models.forward.runtime import Backend, ModelRuntime
from promptsearch.models.forward.score import ForwardRecipe
from promptsearch.models.forward.soft_forward import with_soft_tokens
from promptsearch.models.tokenization.soft_tokens import SoftTokens, has_soft


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
    """Return the family's plan of the requests, with the vectors of their soft tokens."""
    if not any(has_soft(text) for request in requests for text in request.texts):
        return family.plan_all(runtime, requests, scoring)
    numbered = soft_tokens_of(runtime)
    plan = family.plan_all(runtime, numbered.requests(requests), scoring)
    return replace(plan, soft=numbered.table)


def recipe_of(
    family: ModelFamily[Backend], runtime: ModelRuntime[Backend], plan: BatchPlan
) -> ForwardRecipe:
    """Return the family's recipe for a plan, which knows the plan's soft tokens."""
    recipe = family.recipe(runtime.backend_for(plan))
    if plan.soft is None:
        return recipe
    return with_soft_tokens(recipe, plan.soft, runtime.model)
