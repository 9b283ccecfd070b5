"""Backends of encoder-decoders: each text is encoded once, for all its decoder sequences."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from promptsearch.models.batching.prefix_tensors import PrefixTensors
from promptsearch.models.batching.prefix_tree import (
    PrefixTree,
    pack_separately,
    pack_sharing_prefixes,
)
from promptsearch.models.forward.attention import without_cudnn
from promptsearch.models.forward.attention_patch import (
    AttentionContext,
    CrossAttention,
    LayerPrefixes,
    configs_of,
    distance_biases,
    packed,
)
from promptsearch.models.forward.backends import (
    ForwardBackend,
    HiddenStates,
    PaddedForward,
    Positions,
    Sequences,
    padded,
    read_tokens,
)
from promptsearch.models.forward.body_and_head import (
    UNSUPPORTED_ERRORS,
    BodyAndHead,
    OutputHead,
    with_states,
)
from promptsearch.models.forward.layer_prefixes import KeyValueRecorder, PrefixReader
from promptsearch.models.forward.select_backend import (
    Backends,
    ProbeSequences,
    masked_inputs,
    outputs_match,
)


class EncoderBackend(Protocol):
    """Encodes texts and returns their decoder: a sequence's root is the text that it reads."""

    @property
    def shares_prefixes(self) -> bool: ...

    def decoder_for(self, sources: Sequences) -> ForwardBackend:
        """Encode the texts and return a backend for their decoder sequences."""
        ...


@dataclass(frozen=True, eq=False)
class PaddedEncoder:
    """Padded batches; the encoder's states are repeated for every sequence that reads them."""

    model: Any
    outputs: OutputHead
    shares_prefixes: bool = False

    def decoder_for(self, sources: Sequences) -> ForwardBackend:
        device = self.model.device
        encoder_inputs = masked_inputs(*padded(sources, device))
        with without_cudnn():
            encoded = self.model.get_encoder()(**encoder_inputs)
        states = encoded.last_hidden_state
        mask = encoder_inputs.get(
            "attention_mask", torch.ones(states.shape[:2], device=device).long()
        )

        def inputs(ids: Tensor, _lengths: Tensor, roots: Tensor) -> dict[str, Any]:
            return {
                "encoder_outputs": with_states(encoded, states[roots]),
                "attention_mask": mask[roots],
                "decoder_input_ids": ids,
                "use_cache": False,
            }

        return PaddedForward(self.outputs, inputs, device)


@dataclass(frozen=True, eq=False)
class PackedEncoder:
    """Texts in one row, decoder sequences in another; keys and values are computed once a text."""

    model: Any
    outputs: OutputHead
    configs: Sequence[Any]
    shares_prefixes: bool = True
    prefix: PrefixTensors | None = None

    def decoder_for(self, sources: Sequences) -> "PackedDecoder":
        tree = pack_separately(sources).to(self.model.device)
        return PackedDecoder(self, self.encoded(tree, sources), tree)

    def encoded(
        self, tree: PrefixTree, sources: Sequences, recorder: LayerPrefixes | None = None
    ) -> Any:
        """Return the encoder's output for a row of texts."""
        biases = distance_biases(self.model, _longest(sources) + self.prefix_length)
        context = AttentionContext(tree, prefix=recorder or self.reader("encoder"))
        with packed(self.configs, context), biases:
            return self.model.get_encoder()(input_ids=tree.ids[None])

    @property
    def prefix_length(self) -> int:
        """Positions of the prefix, 0 without one."""
        return 0 if self.prefix is None else self.prefix.length

    def reader(self, stack: str) -> PrefixReader | None:
        """Return what hands out the prefix in a pass of one of the stacks."""
        return None if self.prefix is None else PrefixReader(self.prefix, stack)

    def keys_values(self, ids: Sequence[int], start: int) -> Mapping[str, Tensor]:
        """Return those of tokens that encoder and decoder read: see `KeyValueRecorder.tensors`."""
        plain, count = replace(self, prefix=None), len(ids)
        encoder, decoder = KeyValueRecorder(), KeyValueRecorder()
        tree = pack_separately([ids]).to(self.model.device)
        with torch.inference_mode():
            encoded = plain.encoded(tree, [ids], encoder)
            PackedDecoder(plain, encoded, tree).states([[start, *ids]], [0], decoder)
        return {**encoder.tensors("encoder", count), **decoder.tensors("decoder", count)}


@dataclass(frozen=True, eq=False)
class PackedDecoder:
    """Decoder sequences that share prefixes with those of their root, and attend to its text."""

    encoder: PackedEncoder
    encoded: Any  # the encoder's output for its row
    sources: PrefixTree
    shares_prefixes: bool = True

    @property
    def vocabulary(self) -> int:
        return self.encoder.outputs.vocabulary

    def hidden_states(
        self, sequences: Sequences, positions: Positions, roots: Sequence[int]
    ) -> HiddenStates:
        states, tree = self.states(sequences, roots, self.encoder.reader("decoder"))
        tokens, index = read_tokens(tree, positions)
        return HiddenStates(states[tokens.to(states.device)], index)

    def states(
        self, sequences: Sequences, roots: Sequence[int], prefixes: LayerPrefixes | None
    ) -> tuple[Tensor, PrefixTree]:
        """Return (token, hidden) of the decoder's row, and the row."""
        model = self.encoder.model
        tree = pack_sharing_prefixes(sequences, roots).to(model.device)
        inputs = {
            "encoder_outputs": self.encoded,
            "decoder_input_ids": tree.ids[None],
            "use_cache": False,
        }
        cross_attention = tuple(_cross_attention(tree, roots, self.sources, model.device))
        context = AttentionContext(tree, cross_attention, prefix=prefixes)
        longest = _longest(sequences) + self.encoder.prefix_length
        with packed(self.encoder.configs, context), distance_biases(model, longest):
            return self.encoder.outputs.states(inputs)[0], tree

    def logits(self, states: Tensor) -> Tensor:
        return self.encoder.outputs.logits(states)


def seq2seq_backends(
    model: Any, probe_sequences: ProbeSequences, start: int
) -> Backends[EncoderBackend]:
    """Return the backends that fit an encoder-decoder."""
    text = torch.tensor([probe_sequences.sequences[0]], device=model.device)
    with torch.inference_mode():
        encoded = model.get_encoder()(input_ids=text)
    sample = {
        "encoder_outputs": encoded,
        "decoder_input_ids": torch.tensor([[start, start]], device=model.device),
        "use_cache": False,
    }
    outputs = BodyAndHead(model, [model.get_decoder()], sample)
    plain = PaddedEncoder(model, outputs)
    fast = PackedEncoder(model, outputs, configs_of(model))
    return Backends(
        plain, fast if _fits(fast, plain, probe_sequences) else None, outputs.vocabulary
    )


def _fits(fast: PackedEncoder, plain: PaddedEncoder, probe_sequences: ProbeSequences) -> bool:
    """Return True if outputs match when decoder sequences read all the encoded texts."""
    count = len(probe_sequences.sequences)
    roots = [*range(count), *reversed(range(count))]
    doubled = ProbeSequences(
        [*probe_sequences.sequences, *probe_sequences.sequences],
        [*probe_sequences.positions, *probe_sequences.positions],
        roots,
    )
    with torch.inference_mode():
        try:
            packed_decoder = fast.decoder_for(probe_sequences.sequences)
        except UNSUPPORTED_ERRORS:
            return False
        return outputs_match(
            packed_decoder, plain.decoder_for(probe_sequences.sequences), doubled, plain.model.dtype
        )


def _cross_attention(
    tree: PrefixTree, roots: Sequence[int], sources: PrefixTree, device: torch.device
) -> Iterator[CrossAttention]:
    """Yield the cross-attention of decoder sequences with their texts, by equal sizes."""
    paths_of: dict[int, list[NDArray[np.int64]]] = defaultdict(list)
    for path, root in zip(tree.paths, roots, strict=True):
        paths_of[root].append(path)
    sizes: dict[tuple[int, int], list[tuple[NDArray[np.int64], NDArray[np.int64]]]] = {}
    for root, paths in paths_of.items():
        pair = np.unique(np.concatenate(paths)), sources.paths[root]
        sizes.setdefault((len(pair[0]), len(pair[1])), []).append(pair)
    for pairs in sizes.values():
        queries, keys = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
        yield CrossAttention(queries.to(device), keys.to(device))


def _longest(lines: Sequences) -> int:
    return max(map(len, lines))
