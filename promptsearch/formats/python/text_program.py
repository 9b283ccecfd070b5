"""A program that answers with texts: one prompt, and how the model writes."""

from collections.abc import Sequence
from pathlib import Path

from promptsearch.errors import ExportError
from promptsearch.files.write import write_atomic
from promptsearch.formats.export import ExportRequest, next_command
from promptsearch.formats.python.expected_rows import short_examples
from promptsearch.formats.python.model_facts import model_facts
from promptsearch.formats.python.program import program_source
from promptsearch.formats.python.program_text import program_docstring, program_notes
from promptsearch.formats.python.runtime import prompt as runtime
from promptsearch.formats.python.template import program_template
from promptsearch.formats.python.vectors import table_rows
from promptsearch.formats.shared.cloze import only_prompt, uncalibrated
from promptsearch.models import LanguageModel
from promptsearch.prompt_file.prompts_json import SavedPrompt
from promptsearch.runs.scorer_setup import model_scorer
from promptsearch.scoring.generation_scorer import GenerationScorer

STAND_IN = "a"  # for what is not written yet


def write_text_program(request: ExportRequest, model: LanguageModel, into: Path) -> Sequence[str]:
    """Write the file, and return notes. Raises ExportError for a trained prompt."""
    from promptsearch.models.generation.text_decoder import generation_settings

    saved = _only_words(request)
    if model.info.family == "masked":
        raise ExportError(f"{model.info.spec!r} is a masked model, which writes no texts")
    decode = request.kind.decode
    assert decode is not None, "this kind of task has it"
    template = program_template(saved, model, table_rows(model))
    answers = {STAND_IN: [{str(slot): STAND_IN} for slot in saved.prompt.template.slots]}
    facts = model_facts(model, 1)
    constants = {
        **facts.constants,
        "PROMPTS": [runtime.Prompt(template, answers)],
        "SETTINGS": generation_settings(model, decode),
        "STOP": list(decode.stop),
        "EXPECTED": _expected(request, saved, model),
    }
    docstring = program_docstring(request, model.info.spec, into.name)
    write_atomic(into, program_source(model.info.family, docstring, constants, writes=True))
    return [*program_notes(request, facts), next_command("python", into, "--selftest")]


def _only_words(request: ExportRequest) -> SavedPrompt:
    saved = only_prompt(request, "python")
    uncalibrated(request, "python")
    if saved.prompt.template.is_trained:
        raise ExportError(
            f"{saved.id}: texts are not written after vectors, a prefix or with a head; write the "
            "prompt's nearest words with `promptsearch project`"
        )
    return saved


def _expected(
    request: ExportRequest, saved: SavedPrompt, model: LanguageModel
) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Return rows of dev (or train) with their texts; none without a task."""
    if request.task is None:
        return []
    examples = short_examples((*request.task.dev.examples, *request.task.train.examples))
    scorer = model_scorer(model, request.settings, request.kind, writes=True)
    assert isinstance(scorer, GenerationScorer), "this kind of task has it"
    texts = scorer.ensemble_texts([saved.prompt], [1.0], examples)
    rows = ({field: each.inputs[field] for field in request.inputs} for each in examples)
    return [(row, {"prediction": text}) for row, text in zip(rows, texts, strict=True)]
