"""The tokens whose input embeddings are nearest to the vectors of a soft prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel
from promptsearch.models.forward.embedding_table import embedding_table, input_embedding
from promptsearch.models.frozen_model import frozen_model
from promptsearch.prompt import Template, Vectors


@dataclass(frozen=True)
class NearToken:
    """A token near a vector: how its text reads inside a text, and how near it is."""

    text: str  # with the space before it, if it begins a word
    cosine: float
    norm_ratio: float  # the vector's length over the token's


Nearest = Mapping[str, Sequence[Sequence[NearToken]]]  # by part: for each vector, tokens


def nearest_in(model: LanguageModel, template: Template, count: int) -> Nearest:
    """Return the tokens nearest to each vector of a template, by the names of its parts.

    Raises ModelError if the vectors are of another model.
    """
    vectors = {part.name: part.vectors for part in template.soft if part.vectors is not None}
    if not vectors:
        return {}
    sha = next(iter(vectors.values())).model
    rows = np.concatenate([each.rows for each in vectors.values()])
    tokens = iter(nearest_tokens(model, Vectors.of(rows, sha), count))  # the table is read once
    return {name: [next(tokens) for _ in each.rows] for name, each in vectors.items()}


def nearest_row(nearest: Nearest) -> dict[str, list[list[object]]]:
    """Return [token, cosine, ratio of lengths] of each vector's nearest token, by part."""
    return {
        name: [[t[0].text, round(t[0].cosine, 4), round(t[0].norm_ratio, 4)] for t in tokens]
        for name, tokens in nearest.items()
    }


def nearest_tokens(model: LanguageModel, vectors: Vectors, count: int) -> list[list[NearToken]]:
    """Return for each vector the tokens of the largest cosine, among those that text can say.

    Raises ModelError if the vectors are of another model.
    """
    if vectors.model != model.info.sha256:
        raise ModelError(
            f"the vectors are of another model than {model.info.spec!r}; give theirs with `model`"
        )
    table = embedding_table(input_embedding(frozen_model(model).runtime.model))
    spellings = model.white_box.spellings
    ids = [token for token in range(min(len(table), len(spellings))) if spellings[token]]
    table = table[ids].float().cpu()  # (token, hidden)
    rows = torch.tensor(vectors.rows)
    norms, lengths = table.norm(dim=1), rows.norm(dim=1)
    cosines = (rows @ table.T) / (lengths[:, None] * norms).clamp_min(1e-12)
    values, columns = cosines.topk(min(count, len(ids)))
    return [
        [
            NearToken(
                str(spellings[ids[column]]), value, float(length / norms[column].clamp_min(1e-12))
            )
            for value, column in zip(row_values, row_columns, strict=True)
        ]
        for row_values, row_columns, length in zip(
            values.tolist(), columns.tolist(), lengths, strict=True
        )
    ]
