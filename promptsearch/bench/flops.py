"""The operations of a model on texts, without padding: the same count for every loop."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import nn

from promptsearch.bench.published_loops.tensors import body_and_head
from promptsearch.bench.sequences import BenchLine
from promptsearch.models.loading.random_models import Parts

_CROSSING = re.compile(r"(EncDecAttention\.[kv]|encoder_attn\.[kv]_proj)$")
Matrix = tuple[int, int]  # inputs, outputs


@dataclass(frozen=True)
class Nominal:
    """Matrices of a model: weights that a token passes, by the token's part of the model.

    A multiplication and an addition are two operations. Attention is counted over all pairs of
    tokens, also for causal models; embeddings, norms and activations are not counted.
    """

    body: tuple[Matrix, ...]  # each token of the text (of the decoder, where there is one)
    head: tuple[Matrix, ...]  # each position that is read
    hidden: int
    layers: int
    source: tuple[Matrix, ...] = ()  # each token of an encoder, the decoder's view of it included
    source_layers: int = 0

    def of(self, lines: Iterable[BenchLine]) -> float:
        """Return the floating-point operations for these sequences."""
        return float(sum(self._of(line) for line in lines))

    def _of(self, line: BenchLine) -> int:
        text, source = len(line.ids), len(line.source)
        read_positions = len({reading.position for reading in line.reads})
        linear = (
            text * _size(self.body)
            + source * _size(self.source)
            + read_positions * _size(self.head)
        )
        pairs = self.layers * text * (text + source) + self.source_layers * source**2
        return 2 * linear + 4 * self.hidden * pairs


def _size(matrices: Iterable[Matrix]) -> int:
    return sum(inputs * outputs for inputs, outputs in matrices)


def nominal(parts: Parts) -> Nominal:
    """Return the matrices of this model."""
    config = parts.model.config.get_text_config()
    hidden, layers = int(config.hidden_size), int(config.num_hidden_layers)
    if parts.family != "seq2seq":
        body, head = body_and_head(parts.model)
        return Nominal(_matrices(body), _matrices(head), hidden, layers)
    decoder = dict(_named(parts.model.get_decoder()))
    crossing = {name: matrix for name, matrix in decoder.items() if _CROSSING.search(name)}
    matrices = tuple(matrix for name, matrix in decoder.items() if name not in crossing)
    source = (*_matrices(parts.model.get_encoder()), *crossing.values())
    head = parts.model.get_output_embeddings()
    return Nominal(matrices, _matrices(head), hidden, layers, source, layers)


def _matrices(module: nn.Module) -> tuple[Matrix, ...]:
    return tuple(matrix for _, matrix in _named(module))


def _named(module: nn.Module) -> Iterator[tuple[str, Matrix]]:
    """Yield every linear map; other modules than `nn.Linear` (GPT-2's) hold (inputs, outputs)."""
    for name, part in module.named_modules():
        weight = dict(part.named_parameters(recurse=False)).get("weight")
        if weight is None or weight.ndim != 2 or isinstance(part, nn.Embedding):
            continue
        first, second = weight.shape
        yield name, (second, first) if isinstance(part, nn.Linear) else (first, second)
