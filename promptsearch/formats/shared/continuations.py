"""Prompts as contexts and continuations, and whether the LM evaluation harness reads them as we do.

The harness tokenises a context and its continuation together, after white space at the context's
end has gone to the continuation, and scores the tokens behind those of the context.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from promptsearch.errors import ExportError
from promptsearch.models import LanguageModel
from promptsearch.prompt import Answer, Filled

if TYPE_CHECKING:
    from promptsearch.models.families.causal import CausalFamily
    from promptsearch.models.forward.runtime import ModelRuntime

ContinuationReading = Literal[
    "same", "wider", "other"
]  # the same tokens, more of them, or other ones


@dataclass(frozen=True)
class EncodedContinuations:
    """Text as a context, and the continuation for each of its answers."""

    context: str
    choices: tuple[str, ...]
    filled: Filled
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Continuations:
    """Writer of a causal model's prompts as contexts and continuations."""

    runtime: "ModelRuntime[Any]"
    family: "CausalFamily"

    @classmethod
    def of(cls, model: LanguageModel) -> "Continuations":
        """Return the writer. Raises ExportError if the model's answers are no continuations."""
        from promptsearch.models.families.causal import CausalFamily
        from promptsearch.models.frozen_model import FrozenModel

        if not isinstance(model, FrozenModel) or not isinstance(model.family, CausalFamily):
            raise ExportError(
                f"lm-eval scores how a causal model goes on, but {model.info.spec!r} is a "
                f"{model.info.family} model; use `to` python, or prompts for a causal one"
            )
        return cls(model.runtime, model.family)

    def written(self, filled: Filled, answers: Sequence[Answer]) -> EncodedContinuations:
        """Return the context and choices; a space before the slot belongs to the choices."""
        contexts, choices = zip(*(self._halves(filled, answer) for answer in answers), strict=True)
        return EncodedContinuations(contexts[0], choices, filled, tuple(answers))

    def _halves(self, filled: Filled, answer: Answer) -> tuple[str, str]:
        written = self.family.writer.write(filled, answer)
        first = written.slots[0]
        before, after = (self._text(part) for part in (written.line[:first], written.line[first:]))
        return (before[:-1], " " + after) if before.endswith(" ") else (before, after)

    def _text(self, line: Sequence[str | int]) -> str:
        """Return the line as text, control tokens by their names, as the tokenizer reads them."""
        named = self.runtime.tokenizer.convert_ids_to_tokens
        return "".join(part if isinstance(part, str) else named(part) for part in line)

    def compared(self, written: EncodedContinuations) -> ContinuationReading:
        """Compare the tokens that the harness scores with ours, over all answers."""
        pairs = zip(written.answers, written.choices, strict=True)
        outcomes = {self._compared(written, answer, choice) for answer, choice in pairs}
        return "other" if "other" in outcomes else "wider" if "wider" in outcomes else "same"

    def _compared(
        self, written: EncodedContinuations, answer: Answer, choice: str
    ) -> ContinuationReading:
        ids, first = self._ours(written.filled, answer)
        theirs, start = self._theirs(written.context, choice)
        if ids != theirs or start == 0 or len(ids) > self.runtime.limit:
            return "other"
        return "same" if start == first else "wider" if start < first else "other"

    def _ours(self, filled: Filled, answer: Answer) -> tuple[list[int], int]:
        written, tokens = self.family.writer.write(filled, answer), self.runtime.tokens
        special = self.family.writer.special
        ((ids, first),) = tokens.encode_from([written.line], [written.slots[0]], special)
        ids = ids[: len(ids) - tokens.tail * special]
        return (ids, first) if first else ([self.family.begin, *ids], 1)

    def context_ids(self, context: str) -> list[int]:
        """Return what the harness reads of a text that the model goes on from."""
        tokenizer: Any = self.runtime.tokenizer
        bos = tokenizer.bos_token
        plain = {"add_special_tokens": False} if bos and context.startswith(bos) else {}
        ids: list[int] = tokenizer(context, **plain)["input_ids"]
        return ids

    def _theirs(self, context: str, choice: str) -> tuple[list[int], int]:
        tokenizer: Any = self.runtime.tokenizer
        if not context:
            prefix = tokenizer.bos_token_id
            prefix = tokenizer.eos_token_id if prefix is None else prefix
            ids = tokenizer(choice, add_special_tokens=False)["input_ids"]
            return [prefix, *ids], 1
        bos = tokenizer.bos_token
        plain = {"add_special_tokens": False} if bos and context.startswith(bos) else {}
        whole = tokenizer(context + choice, **plain)["input_ids"]
        return whole, len(tokenizer(context.rstrip(), **plain)["input_ids"])


def compared(readings: Sequence[ContinuationReading]) -> Iterator[str]:
    """Yield notes on rows that the harness reads in another way.

    Raises ExportError if all are.
    """
    counts = Counter(readings)
    if readings and counts["other"] == len(readings):
        raise ExportError(
            "lm-eval would score other tokens than promptsearch in every row (the answer and what "
            "is before it are one token, or rows are too long); use `to` python"
        )
    if differing := counts["other"]:
        rows = f"{differing} of {len(readings)} rows"
        yield f"lm-eval reads {rows} as other tokens; scores will differ"
    if wider := counts["wider"]:
        yield (
            f"in {wider} rows lm-eval counts white space before the answer too: the same for all "
            "answers, so accuracy is as it was, but log-likelihoods are lower"
        )
