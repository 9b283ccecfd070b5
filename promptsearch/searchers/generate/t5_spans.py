"""Spans written by a T5-like model: LM-BFF's own way (see `models.shared_beam`)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from promptsearch.engine import ModelCall
from promptsearch.models import LanguageModel
from promptsearch.prompt import Slot
from promptsearch.scoring import Cost
from promptsearch.searchers.common.gap_template import GapTemplate
from promptsearch.searchers.common.training_contexts import TrainingContext
from promptsearch.searchers.generate.beam_job import BeamJob


@dataclass(frozen=True)
class SpanWriter:
    """Fills the gaps of frames with spans of any length, by one beam a frame."""

    model: LanguageModel
    instances: Sequence[TrainingContext]
    longest: int = 20  # tokens, over all gaps and their ends

    def jobs(self, frames: Sequence[GapTemplate], beam: int) -> Iterator[BeamJob]:
        """A whole beam a frame, of which each gives its share, as in the release."""
        share = max(1, beam // len(frames))
        for frame in frames:
            about = (frame, beam, share, self.longest, self.instances)
            yield BeamJob(frame, about, partial(self.chore, frame, beam, share))

    def chore(self, frame: GapTemplate, beam: int, share: int) -> ModelCall:
        """See `Job`; the likeliest `share` of the beam."""
        from promptsearch.models.generation.span_beam import SharedBeam

        gaps = [(Slot(f"gap{number}"),) for number in range(frame.gaps)]
        texts = [instance.fill(frame, gaps) for instance in self.instances]
        search = SharedBeam(self.model, texts, beam, self.longest)

        def work() -> list[list[object]]:
            return [[list(infill.gaps), infill.log_prob] for infill in search.run()[:share]]

        return ModelCall(Cost(search.forwards, search.tokens), work)
