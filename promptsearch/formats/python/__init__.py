"""One Python file that scores rows as promptsearch does, and needs torch and transformers only.

It holds the prompt (or the members of an ensemble) and its trained vectors, the code of `runtime`
for its model's family, and five rows with the numbers of our scorer, which `--selftest` compares.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from promptsearch.errors import ExportError
from promptsearch.files.write import write_atomic
from promptsearch.formats.export import ExportRequest, next_command
from promptsearch.formats.python.deep import DeepTensors
from promptsearch.formats.python.expected_rows import expected_rows
from promptsearch.formats.python.model_facts import model_facts
from promptsearch.formats.python.options import option_constants
from promptsearch.formats.python.program import program_source
from promptsearch.formats.python.program_text import program_docstring, program_notes
from promptsearch.formats.python.prompts import LabelsBeside, program_prompts
from promptsearch.formats.python.runtime.prompt import Prompt
from promptsearch.formats.python.template import program_template
from promptsearch.formats.python.text_program import write_text_program
from promptsearch.formats.python.vectors import table_rows, trained_constants
from promptsearch.prediction.ensemble import Ensemble
from promptsearch.prompt_file.prompts_json import LISTED
from promptsearch.runs.scorer_setup import model_scorer
from promptsearch.scoring.combination import MEANS


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write the file, and beside it many candidates of facts and many vectors; return notes."""
    if request.ensemble is None and len(request.prompts) > 1:
        raise ExportError(
            f"python holds one prompt, not {len(request.prompts)}; leave `top` out, or make an "
            f"ensemble (promptsearch ensemble {request.file.path}) and give `ensemble`"
        )
    model = request.model()
    if request.kind.free_texts:
        return write_text_program(request, model, into)
    scorer = model_scorer(model, request.settings, request.kind)
    options = option_constants(request.prompts, model)
    soft = table_rows(model)
    templates = [program_template(saved, model, soft) for saved in request.prompts]
    deep = DeepTensors(model)
    prompts = program_prompts(request, scorer, templates, list(map(deep.of, request.prompts)))
    merged = len(request.labels) - len(prompts[0].labels)
    facts = model_facts(model, max(len(prompt.slots) for prompt in prompts))
    constants = {
        **facts.constants,
        **_scoring_constants(request),
        **trained_constants(model, soft, deep, into),
        **options,
        "PROMPTS": _candidates_beside(prompts, into) if request.kind.has_candidates else prompts,
        "EXPECTED": expected_rows(request, scorer),
    }
    docstring = program_docstring(request, model.info.spec, into.name)
    write_atomic(into, program_source(model.info.family, docstring, constants, bool(options)))
    notes: list[str] = []
    if merged:
        notes = [f"{merged} candidates that the model reads like others are left out"]
    return [*notes, *program_notes(request, facts), next_command("python", into, "--selftest")]


def _scoring_constants(request: ExportRequest) -> Mapping[str, object]:
    settings = request.settings
    return {
        "MULTI_TOKEN": settings.scoring(request.kind).multi_token,
        "LENGTH_NORM": settings.length_norm,
        "ANSWER_SCORE": settings.answer_score,
        "CALIBRATION": settings.calibration,
        "ENSEMBLE": _rule_of(request.ensemble),
    }


def _rule_of(ensemble: Ensemble | None) -> str:
    """Return the name that a program has for the rule; a mixture is a mean with weights."""
    if ensemble is None:
        return "uniform"
    return "mean" if ensemble.rule in MEANS else ensemble.rule


def _candidates_beside(prompts: Sequence[Prompt], into: Path) -> Sequence[Prompt]:
    """Return the prompts of facts; write many candidates to a file beside the program."""
    candidates = list(prompts[0].labels)
    if len(candidates) <= LISTED:
        return prompts
    file = into.with_name(f"{into.stem}.candidates.json")
    write_atomic(file, json.dumps(candidates, indent=0) + "\n")
    return [
        replace(prompt, labels=LabelsBeside(file.name, *prompt.slots.values()))
        for prompt in prompts
    ]
