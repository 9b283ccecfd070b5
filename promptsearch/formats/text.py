"""Prompts as text to read: templates and answers as they are written."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from promptsearch.files.write import write_atomic
from promptsearch.formats.export import ExportRequest
from promptsearch.prompt import Answer, Prompt
from promptsearch.prompt_file.prompts_json import SavedPrompt


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a paragraph a prompt: its template, then a line a label; return notes."""
    weights = {m.id: m.weight for m in request.ensemble.members} if request.ensemble else {}
    paragraphs = ["\n".join(_lines(saved, weights.get(saved.id))) for saved in request.prompts]
    write_atomic(into, "\n\n".join(paragraphs) + "\n")
    return tuple(_decisions(request.prompts)) if request.kind.label_sets else ()


def _decisions(prompts: Sequence[SavedPrompt]) -> Iterator[str]:
    """Yield what decides for a label, prompt by prompt."""
    for saved in prompts:
        threshold = float(str(saved.row.get("threshold", 0.0)))
        no = f"log p of {saved.prompt.verbalizer.no!r} there"
        yield f"{saved.id} has a label where log p of its answer less {no} is above {threshold:g}"


def _lines(saved: SavedPrompt, weight: float | None) -> Iterator[str]:
    yield (
        f"{saved.prompt.template.notation}"
        if weight is None
        else f"{weight:g} x {saved.prompt.template.notation}"
    )
    if saved.prompt.verbalizer.is_any_text:
        return
    if "candidates" in saved.row:
        yield from (f"  {candidate}" for candidate in saved.prompt.verbalizer)
    else:
        yield from _labels(saved.prompt)


def _labels(prompt: Prompt) -> Iterator[str]:
    several = len(prompt.template.slots) > 1
    for label, answers in prompt.verbalizer.pairs:
        yield f"  {label}: {', '.join(_answer_text(answer, several) for answer in answers)}"


def _answer_text(answer: Answer, several: bool) -> str:
    """Return `great`, or `[Z1] person [Z2] city` where there are several slots."""
    if not several:
        return answer[0][1]
    return " ".join(f"[{slot}] {text}" for slot, text in answer)
