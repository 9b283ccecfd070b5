"""Rewriting by a model that follows instructions; only whole, short sentences count."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from promptsearch.engine import ModelCall
from promptsearch.engine.strategy import Score
from promptsearch.models import LanguageModel
from promptsearch.prompt import Template
from promptsearch.scoring import Cost
from promptsearch.searchers.common.ledger_calls import ledgered
from promptsearch.searchers.paraphrase.marked_sentence import MARKS, PlaceholderLost, Sentence
from promptsearch.searchers.paraphrase.proposal import Parent, Proposal

REQUEST = (
    "Say this in other words. Keep {marks} as they are. Answer with the sentence only.\n{said}"
)
LONGER = 3  # times as many words as before, at most
_QUOTED = re.compile(r"""^["'\u201c\u2018`]+(.*?)["'\u201d\u2019`]+$""")


@dataclass
class Rewriter:
    """Samples `count` sentences from the model for each parent."""

    model: LanguageModel
    count: int
    seed: int
    whole: bool
    score: Score
    rejected: Counter[str] = field(default_factory=Counter)

    def neighbours(self, parents: Sequence[Parent]) -> Iterator[list[Proposal]]:
        for parent in parents:
            sentence = Sentence.of(parent.template, self.whole)
            proposals: dict[Template, Proposal] = {}
            marked = sentence.marked_text(MARKS[0], self.rejected)
            for text in self._sampled(marked) if marked else ():
                self._add(text, marked, sentence, parent, proposals)
            yield list(proposals.values())

    def _sampled(self, marked: str) -> list[str]:
        marks = " and ".join(re.findall(r"\[\w\]", marked))
        request = REQUEST.format(marks=marks, said=marked)
        inputs = (request, self.count, self.seed, self.model.info.sha256)
        prepare = partial(self._model_call, request)
        texts: list[str] = ledgered(self.score, "rewrite", prepare, inputs)
        return texts

    def _model_call(self, request: str) -> ModelCall:
        from promptsearch.models.generation.sampling import LONGEST, sample_texts

        cost = Cost(self.count, self.count * LONGEST)  # tokens: at most, without the request's
        return ModelCall(cost, partial(sample_texts, self.model, request, self.count, self.seed))

    def _add(
        self,
        text: str,
        marked: str,
        sentence: Sentence,
        parent: Parent,
        proposals: dict[Template, Proposal],
    ) -> None:
        """Add the template of a text to the proposals, or count the text as rejected."""
        try:
            template = sentence.to_template(_sentence(text, marked), MARKS[0])
        except PlaceholderLost as error:
            self.rejected[str(error)] += 1
            return
        if template in proposals or template == parent.template:
            self.rejected["said before"] += 1
            return
        proposals[template] = Proposal(template, parent, {"method": "rewrite", "written": text})


def _sentence(text: str, marked: str) -> str:
    """Return the one sentence of the text; PlaceholderLost if there is more, or it is too long."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    if len(lines) != 1:
        raise PlaceholderLost("not one line")
    quoted = _QUOTED.match(lines[0])
    line = quoted[1] if quoted else lines[0]
    if len(line.split()) > LONGER * max(3, len(marked.split())):
        raise PlaceholderLost("too long")
    return line
