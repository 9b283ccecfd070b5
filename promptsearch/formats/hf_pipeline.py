"""Arguments of a transformers pipeline: `fill-mask` for masked models and answers of one token.

The pipeline gives p of each target over the whole vocabulary; the probabilities of a label's
targets, divided by those of all targets, are ours. `inputs` is for `str.format`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from promptsearch.errors import ExportError
from promptsearch.files.write import write_atomic
from promptsearch.formats.export import NEXT, ExportRequest
from promptsearch.formats.shared.cloze import (
    ELSEWHERE,
    Cloze,
    braced,
    cloze,
    only_prompt,
    single_answers,
    texts_of,
    uncalibrated,
)
from promptsearch.models import LanguageModel
from promptsearch.models.loading.files import find_model_files
from promptsearch.prompt import Field, Prompt, Text

NAME = "hf-pipeline"
USED = "python -c 'import json, sys; print(json.load(open(sys.argv[1]))[\"how\"])'"


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a JSON object with the call, and with the labels of the targets; return notes."""
    saved = only_prompt(request, NAME)
    uncalibrated(request, NAME)
    if request.settings.answer_score != "sum" or request.settings.length_norm != "none":
        raise ExportError(f"{NAME} adds up the probabilities of answers, and no more; {ELSEWHERE}")
    parts, model = cloze(saved.prompt.template, NAME), request.model()
    targets = _targets(saved.prompt, parts, model)
    mask = model.runtime.tokenizer.mask_token  # type: ignore[attr-defined]
    document = {
        "task": "fill-mask",
        "model": _model_path(model),
        "inputs": braced((*parts.before, Text(mask), *parts.after), NAME),
        "targets": list(targets),
        "labels": targets,
        "how": "pipeline(task, model=model)(inputs.format(**row), targets=targets): add up the "
        "scores of each label's targets, and divide by the sum of all",
        **_zero_shot(saved.prompt, parts),
    }
    write_atomic(into, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    note = f"a text that holds {mask} itself cannot be asked, nor one that is too long"
    return [note, f"{NEXT}{USED} {into}"]


def _targets(prompt: Prompt, cloze_parts: Cloze, model: LanguageModel) -> Mapping[str, str]:
    """Return token -> label, with tokens as the vocabulary spells them, so that each is unique."""
    from promptsearch.models.frozen_model import FrozenModel

    if not isinstance(model, FrozenModel) or model.info.family != "masked":
        raise ExportError(
            f"{NAME}: fill-mask needs a masked model, but {model.info.spec!r} is a "
            f"{model.info.family} model; use `to` python or `to` lm-eval"
        )
    label_of_token: dict[str, str] = {}
    for label, texts in texts_of(prompt.verbalizer).items():
        for text in texts:
            (ids,) = model.runtime.tokens.encode_continuation([(" " * cloze_parts.spaced + text,)])
            if len(ids) > 1:
                raise ExportError(
                    f"{NAME}: fill-mask has answers of one token, but {text!r} takes {len(ids)} "
                    f"in {model.info.spec!r}; {ELSEWHERE}"
                )
            token = model.runtime.tokenizer.convert_ids_to_tokens(ids[0])
            if label_of_token.setdefault(token, label) != label:
                raise ExportError(f"{NAME}: {text!r} answers two labels; {ELSEWHERE}")
    return label_of_token


def _model_path(model: LanguageModel) -> str:
    source = find_model_files(model.options.spec)
    return model.options.spec if source.revision else str(source.directory.absolute())


def _zero_shot(prompt: Prompt, cloze_parts: Cloze) -> Mapping[str, object]:
    """Return the hypothesis for an entailment model, if the input alone is before it."""
    alone = len(prompt.template.fields) == 1 and isinstance(cloze_parts.before[:1], tuple)
    if not alone or not cloze_parts.before or not isinstance(cloze_parts.before[0], Field):
        return {}
    if any(isinstance(part, Field) for part in (*cloze_parts.before[1:], *cloze_parts.after)):
        return {}
    if any(len(answers) > 1 for answers in prompt.verbalizer.values()):
        return {}
    words = (*cloze_parts.before[1:], *cloze_parts.after)
    if any("{" in part.text or "}" in part.text for part in words if isinstance(part, Text)):
        return {}
    before = "".join(part.text for part in cloze_parts.before[1:] if isinstance(part, Text))
    return {
        "zero-shot-classification": {
            "hypothesis_template": f"{before.lstrip()}{{}}{cloze_parts.trail}",
            "candidate_labels": list(single_answers(prompt.verbalizer, NAME).values()),
            "note": "for a model of entailment, which is another one and gives other scores",
        }
    }
