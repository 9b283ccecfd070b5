"""Spans written by a T5-like model, as LM-BFF does (see `models.generation.span_beam`)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from promptsearch.engine import ModelCall
from promptsearch.models import LanguageModel
from promptsearch.prompt import Slot
from promptsearch.scoring import Cost
from promptsearch.searchers.common.gap_template import GapTemplate
from promptsearch.searchers.common.training_contexts import TrainingContext
from promptsearch.searchers.generate.beam_job import BeamJob, GapFill


@dataclass(frozen=True)
class SpanWriter:
    """Beam search for spans of any length in the gaps, one beam for each template."""

    model: LanguageModel
    contexts: Sequence[TrainingContext]
    longest: int = 20  # tokens, over all gaps and their ends

    def jobs(self, gap_templates: Sequence[GapTemplate], beam: int) -> Iterator[BeamJob]:
        """Yield a whole beam for each template, of which it gives its share, as in the release."""
        share = max(1, beam // len(gap_templates))
        for gap_template in gap_templates:
            inputs = (gap_template, beam, share, self.longest, self.contexts)
            yield BeamJob(gap_template, inputs, partial(self.model_call, gap_template, beam, share))

    def model_call(self, gap_template: GapTemplate, beam: int, share: int) -> ModelCall:
        """Return the call that gives the likeliest `share` of the beam's `GapFill`s."""
        from promptsearch.models.generation.span_beam import SharedBeam

        gaps = [(Slot(f"gap{number}"),) for number in range(gap_template.gaps)]
        texts = [context.fill(gap_template, gaps) for context in self.contexts]
        search = SharedBeam(self.model, texts, beam, self.longest)

        def run() -> list[GapFill]:
            return [(list(infill.gaps), infill.log_prob) for infill in search.run()[:share]]

        return ModelCall(Cost(search.forwards, search.tokens), run)
