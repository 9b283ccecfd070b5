"""Seconds to write templates with T5: the shared beam beside LM-BFF's loop, in turn.

    python benchmarks/shared_beam.py [--beam 10] [--longest 10] [--examples 32] [--rounds 3]

The loop is written anew from the paper's released code: for each hypothesis and step, texts and
their label words pass the encoder and the decoder again, 32 at a time, padded, with all logits; the
log-softmax is of the mean logits there, and here of each text (`promptsearch` follows the paper),
so that both find the same. Its sort of the vocabulary, one value fetched at a time, is left out:
a top-k stands instead. Both forbid the same tokens. A random model of T5-small's shape, float32.
Exit status 1: they did not find the same.
"""

import argparse
import sys
from collections.abc import Sequence
from time import perf_counter

import torch
from in_turn import Race

from promptsearch.bench.machine import machine
from promptsearch.bench.sentences import sentences
from promptsearch.models.generation.span_beam import SharedBeam
from promptsearch.models.loading.random_models import T5_SMALL, Parts, random_parts
from promptsearch.prompt import Filled, Input, Slot, Text

BATCH = 32
WORDS = ("great", "terrible")
CLOSE = 1e-2  # nats, of sums over all texts and tokens in float32
Hypothesis = tuple[tuple[int, ...], float, int]  # tokens, log p summed over texts, gaps that ended


def lmbff(model: Parts, beam: SharedBeam, size: int, longest: int) -> list[Hypothesis]:
    """The loop: no cache, no batch of hypotheses, the encoder in every pass."""
    pad, words = model.tokenizer.pad_token_id, beam.words
    length = max(map(len, beam.text_ids))
    texts = torch.tensor([line + [pad] * (length - len(line)) for line in beam.text_ids])
    kept: list[Hypothesis] = [((), 0.0, 0)]
    for _ in range(longest):
        longer: list[Hypothesis] = [h for h in kept if h[2] == beam.gaps]
        for tokens, score, closed in (h for h in kept if h[2] < beam.gaps):
            first = [beam.family.start, beam.family.sentinels[0]]
            totals = following(model, texts, [*first, *tokens]).clone()
            totals[words.barred(closed, tokens[-1] if tokens else None)] = -torch.inf
            found = (totals + score).topk(size)
            for value, token in zip(found.values.tolist(), found.indices.tolist(), strict=True):
                longer.append(((*tokens, token), value, closed + words.closes(closed, token)))
        kept = sorted(longer, key=lambda h: -h[1])[:size]
    return kept


@torch.inference_mode()
def following(model: Parts, texts: torch.Tensor, decoded: Sequence[int]) -> torch.Tensor:
    """(word,) log p after the decoded tokens, summed over texts."""
    total = torch.zeros((), dtype=torch.float64)
    for some in texts.split(BATCH):
        logits = model.model(
            input_ids=some,
            attention_mask=(some != model.tokenizer.pad_token_id).long(),
            decoder_input_ids=torch.tensor([list(decoded)] * len(some)),
        ).logits
        total = total + logits[:, -1].log_softmax(-1).sum(0, dtype=torch.float64)
    return total


def texts_of(count: int, seed: int) -> list[Filled]:
    """Sentences with a label word between two gaps."""
    return [
        (Input("text", text), Slot("A"), Text(f" {WORDS[n % 2]}"), Slot("B"))
        for n, text in enumerate(sentences(count, seed * count))
    ]


def race(examples: int, size: int, longest: int) -> Race:
    parts = random_parts("seq2seq", T5_SMALL)
    model = parts.wrapped()
    raced = Race(f"a beam of {size}, {longest} tokens, {examples} texts", 10)
    known: dict[tuple[str, int], dict[tuple[int, ...], float]] = {}

    def timed(name: str, number: int) -> float:
        beam = SharedBeam(model, texts_of(examples, number), size, longest)
        began = perf_counter()
        if name == "loop":
            found = {tokens: total for tokens, total, _ in lmbff(parts, beam, size, longest)}
        else:
            found = {h.tokens: h.log_prob for h in beam.hypotheses()}
        seconds = perf_counter() - began
        known[name, number] = found
        if number and {("loop", number), ("ours", number)} <= known.keys():
            raced.check("largest difference of a sum", *same(known, number))
        return seconds

    raced.ways = {
        "LM-BFF's loop": lambda number: timed("loop", number),
        "shared beam": lambda number: timed("ours", number),
    }
    return raced


def same(
    known: dict[tuple[str, int], dict[tuple[int, ...], float]], number: int
) -> tuple[str, bool]:
    """How far the sums are apart, and whether the hypotheses are the same."""
    one, other = known["loop", number], known["ours", number]
    if one.keys() != other.keys():
        return f"{len(one.keys() - other.keys())} other hypotheses", False
    worst = max(abs(one[tokens] - other[tokens]) for tokens in one)
    return f"{worst:.1e} nats", worst < CLOSE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beam", type=int, default=10)
    parser.add_argument("--longest", type=int, default=10)
    parser.add_argument("--examples", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(machine(torch.device("cpu")))
    done = race(given.examples, given.beam, given.longest).run(given.rounds)
    print("\n".join(done.lines()))
    sys.exit(not done.same_work)


if __name__ == "__main__":
    main()
