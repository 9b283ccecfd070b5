"""Arguments of a transformers pipeline: `fill-mask` for masked models and answers of one token.

And `text-generation` where texts are written, which `text_pipeline` has.

The pipeline gives p of each target over the whole vocabulary; the probabilities of a label's
targets, divided by those of all targets, are ours. `inputs` is for `str.format`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from promptsearch.errors import ExportError
from promptsearch.files.write import write_atomic
from promptsearch.formats.export import ExportRequest, next_command
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
from promptsearch.formats.shared.model_source import directory_or_name
from promptsearch.formats.shared.text_pipeline import check_texts, text_pipeline
from promptsearch.models import LanguageModel
from promptsearch.prompt import Field, Text
from promptsearch.prompt_file.prompts_json import SavedPrompt

NAME = "hf-pipeline"
USED = 'import json, sys; print(json.load(open(sys.argv[1]))["how"])'


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a JSON object with the call, and with the labels of the targets; return notes."""
    saved = only_prompt(request, NAME)
    uncalibrated(request, NAME)
    settings, writes = request.settings, request.kind.free_texts
    if not writes and (settings.answer_score != "sum" or settings.length_norm != "none"):
        raise ExportError(f"{NAME} adds up the probabilities of answers, and no more; {ELSEWHERE}")
    parts, model = cloze(saved, NAME), request.model()
    if request.kind.decode is not None:
        write_atomic(into, _as_json(text_pipeline(saved, model, request.kind.decode)))
        return [next_command("python", "-c", USED, into)]
    targets = _targets(saved, parts, model)
    tokenizer = model.runtime.tokenizer  # type: ignore[attr-defined]
    check_texts(saved, tokenizer.all_special_tokens, NAME)
    mask = tokenizer.mask_token
    document = {
        "task": "fill-mask",
        "model": directory_or_name(model),
        "dtype": "float32",  # as promptsearch scores; pipelines take that of the file
        "inputs": braced((*parts.before, Text(mask), *parts.after), f"{saved.id}: {NAME}"),
        "targets": list(targets),
        "labels": targets,
        "how": "pipeline(task, model=model, dtype=dtype)(inputs.format(**row), targets=targets): "
        "add up the scores of each label's targets, and divide by the sum of all",
        **_zero_shot(saved, parts),
    }
    write_atomic(into, _as_json(document))
    note = f"a text that holds {mask} itself cannot be asked, nor one that is too long"
    return [note, next_command("python", "-c", USED, into)]


def _as_json(document: Mapping[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _targets(saved: SavedPrompt, cloze_parts: Cloze, model: LanguageModel) -> Mapping[str, str]:
    """Return token -> label, with tokens as the vocabulary spells them, so that each is unique."""
    from promptsearch.models.frozen_model import FrozenModel

    if not isinstance(model, FrozenModel) or model.info.family != "masked":
        raise ExportError(
            f"{NAME}: fill-mask needs a masked model, but {model.info.spec!r} is a "
            f"{model.info.family} model; use `to` python or `to` lm-eval"
        )
    label_of_token: dict[str, str] = {}
    for label, texts in texts_of(saved.prompt.verbalizer).items():
        for text in texts:
            (ids,) = model.runtime.tokens.encode_continuation([(" " * cloze_parts.spaced + text,)])
            if len(ids) > 1:
                raise ExportError(
                    f"{saved.id}: fill-mask has answers of one token, but {text!r} takes "
                    f"{len(ids)} in {model.info.spec!r}; {ELSEWHERE}"
                )
            token = model.runtime.tokenizer.convert_ids_to_tokens(ids[0])
            if label_of_token.setdefault(token, label) != label:
                raise ExportError(f"{saved.id}: {text!r} answers two labels; {ELSEWHERE}")
    return label_of_token


def _zero_shot(saved: SavedPrompt, cloze_parts: Cloze) -> Mapping[str, object]:
    """Return the hypothesis for an entailment model, if the input alone is before it."""
    prompt = saved.prompt
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
            "candidate_labels": list(single_answers(saved, NAME).values()),
            "note": "for a model of entailment, which is another one and gives other scores",
        }
    }
