"""Random twins of what was trained of a template: numbers of the same size."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from promptsearch.prompt import Head, Prefix, Template, Vectors

Values = NDArray[np.float32]


def untrained(template: Template, rng: np.random.Generator) -> Template:
    """Return the template with random vectors, prefix and head in place of those it has."""
    if not template.is_trained:
        return template
    vectors = {
        part.name: Vectors.of(_turned(part.vectors.rows, rng), part.vectors.model)
        for part in template.soft
        if part.vectors is not None
    }
    prefix = template.prefix and _prefix(template.prefix, rng)
    head = template.head and _head(template.head, rng)
    return replace(template, prefix=prefix, head=head).with_vectors(vectors)


def _prefix(prefix: Prefix, rng: np.random.Generator) -> Prefix:
    tensors = {name: _turned(values, rng) for name, values in prefix.tensors.items()}
    return Prefix.of(tensors, prefix.model, prefix.layers, continues=prefix.continues)


def _head(head: Head, rng: np.random.Generator) -> Head:
    return Head.of(_turned(head.weight, rng), np.zeros_like(head.bias), head.model, head.reads)


def _turned(rows: Values, rng: np.random.Generator) -> Values:
    """Return rows (..., size) of the same lengths in random directions."""
    drawn = rng.standard_normal(rows.shape)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    turned: Values = (drawn * lengths / np.linalg.norm(drawn, axis=-1, keepdims=True)).astype("f4")
    return turned
