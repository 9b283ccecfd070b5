"""Options: at the mask before each of them the model says whether it is the right one.

Options do not see one another, and positions begin anew at each, so that their order means nothing;
what follows begins after the longest (Xu et al. 2022, UniMC, https://arxiv.org/abs/2210.08590).
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor

from promptsearch.formats.python.runtime.data import LIMIT, PROMPTS
from promptsearch.formats.python.runtime.masked import MaskedModel
from promptsearch.formats.python.runtime.network import AnswerScorer
from promptsearch.formats.python.runtime.prefix import FIRST_POSITION
from promptsearch.formats.python.runtime.prompt import Field, Prompt, Row, SeparatorPart
from promptsearch.formats.python.runtime.truncate import shorten

# The token between two segments.
SEPARATOR: str = "[SEP]"
BLIND = -1e4  # is added to the attention of a token to what it does not see, as published


class OptionsModel(MaskedModel):
    """A masked language model that reads templates with options, too."""

    def __init__(self, model: str) -> None:
        """Raise ValueError if the model has no such separator, or answers that are no token."""
        super().__init__(model)
        if SEPARATOR not in self.tokenizer.names:
            raise ValueError(f"its tokenizer has no {SEPARATOR}")
        answers = (answer for prompt in PROMPTS if prompt.has_options for answer in prompt.answers)
        for word in {word for answer in answers for word in answer.values()}:
            if len(self.tokenizer.text_ids(word)) != 1:
                raise ValueError(f"{word!r} is no single token of it")

    def answer_scores(self, row: Row, prompt: Prompt) -> tuple[Tensor, Tensor]:
        """Return (answer,) the logit of each answer before its option, and its token: 1."""
        if not prompt.has_options:
            return super().answer_scores(row, prompt)
        prompt = self.with_options_of(row, prompt)
        slots = list(prompt.slots.values())
        texts = prompt.fill(row, dict.fromkeys(slots, self.tokenizer.mask_name))
        texts = shorten(texts, prompt, LIMIT, self.tokenizer.encode)
        logits = self.mask_logits(self.tokenizer.encode(texts).ids)
        pairs = (pair for answer in prompt.answers for pair in answer.items())
        scores = [
            logits[slots.index(slot), self.tokenizer.text_ids(word)[0]] for slot, word in pairs
        ]
        return torch.stack(scores), torch.ones(len(scores))

    def with_options_of(self, row: Row, prompt: Prompt) -> Prompt:
        """Return the prompt with this row's options and separators as text, which is never cut."""
        separator, parts = self.tokenizer.names[SEPARATOR], list(prompt.template)
        end = next(i for i, part in enumerate(parts) if isinstance(part, SeparatorPart))
        for i, part in enumerate(parts):
            match part:
                case SeparatorPart():
                    parts[i] = separator
                case Field(name) if i < end:
                    parts[i] = row[name]
        return replace(prompt, template=parts)

    def mask_logits(self, ids: Sequence[int]) -> Tensor:
        """Return (option, vocabulary) the logits at the mask before each option."""
        mask = self.tokenizer.mask_id
        starts = [i for i, token in enumerate(ids) if token == mask]
        end = ids.index(self.tokenizer.control_id(SEPARATOR), starts[-1])
        inputs = option_inputs(len(ids), starts, end)
        if (getattr(self.network.config, "type_vocab_size", 0) or 0) < 2:
            del inputs["token_type_ids"]
        logits: Tensor = self.network(torch.tensor([ids]), **inputs).logits[0, starts]
        return logits


def option_inputs(length: int, starts: Sequence[int], end: int) -> dict[str, Tensor]:
    """Return how a network reads tokens with options from `starts` to the separator at `end`."""
    option = torch.zeros(length, dtype=torch.long)  # of each token, from 1; 0 for all others
    positions = torch.arange(length)
    for number, (start, stop) in enumerate(pairwise([*starts, end]), 1):
        option[start:stop] = number
        positions[start:stop] -= start - starts[0]
    positions[end:] -= end - 1 - int(positions[:end].max())
    types = (option > 0).long()
    types[end] = 1
    query, key = option[:, None], option[None]
    blind = (query != key) & (query > 0) & (key > 0)
    mask = torch.zeros(blind.shape).masked_fill(blind, BLIND)  # numbers, which attention adds
    return {
        "attention_mask": mask[None, None],
        "position_ids": positions[None] + FIRST_POSITION,
        "token_type_ids": types[None],
    }


def load_scorer(model: str) -> AnswerScorer:
    """Load the model."""
    return OptionsModel(model).answer_scores
