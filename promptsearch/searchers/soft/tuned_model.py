"""A model that is trained under its prompt: a directory of the run, which the search then scores.

The survey's fixed-prompt and prompt + LM tuning (`train` lm and both). The model is written whole
or not at all; what it was trained by lies in the folder of checkpoints, so that a resumed run takes
it, and no other run does.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.numpy import load_file, save

from promptsearch.engine.strategy import Task
from promptsearch.errors import RunError
from promptsearch.files.write import write_atomic, write_bytes
from promptsearch.models import LanguageModel
from promptsearch.models.loading.load import load
from promptsearch.prompt import Template, Vectors
from promptsearch.searchers.soft.course import FOLDER

if TYPE_CHECKING:
    from promptsearch.models.training.model_trainer import ModelTrainer

MODEL = "model"  # the directory of the tuned model, in the run's


def tuned_model(
    task: Task, model: LanguageModel, trainer: Callable[[], "ModelTrainer"], inputs: object
) -> LanguageModel:
    """Return the tuned model, trained now or by the run that is resumed.

    `inputs` are all that the training depends on. Raises RunError if the run's directory holds a
    model that was trained otherwise.
    """
    folder = workspace_of(task)
    digest = sha256(repr((inputs, model.info)).encode()).hexdigest()
    record = _record(folder)
    if record is None:
        _train(task, model, trainer(), digest)
    elif record["digest"] != digest:
        raise RunError(
            f"{folder / MODEL}: was trained with other options or data; start anew with `overwrite`"
        )
    directory = str((folder / MODEL).resolve())
    return load(replace(model.options, spec=directory, family=model.info.family))


def workspace_of(task: Task) -> Path:
    """Return the run's directory. Raises RunError if there is none."""
    if task.workspace is None:
        raise RunError("a tuned model needs a directory to lie in; give `output`")
    return task.workspace


def tuned_template(task: Task, template: Template) -> tuple[Template, Mapping[str, Any]]:
    """Return the template with the vectors that were trained with `task.model`, and the record.

    Raises RunError if the model was not trained by this run.
    """
    folder, model = workspace_of(task), task.model
    record = _record(folder)
    if record is None or model is None or model.info.spec != str((folder / MODEL).resolve()):
        raise RunError("`train` lm and both are a search of their own: no step of a plan")
    if not template.soft:
        return template, record
    rows = load_file(_vectors_file(folder))
    return template.with_vectors(
        {name: Vectors.of(each, model.info.sha256) for name, each in rows.items()}
    ), record


def _train(task: Task, model: LanguageModel, trainer: "ModelTrainer", digest: str) -> None:
    from promptsearch.models.finetuning.train import extra_bytes

    folder, memory = workspace_of(task), extra_bytes(model)
    task.log(
        f"trains a copy of the model: {memory / 2**20:,.0f} MB of memory, and "
        f"{memory / 4 / 2**20:,.0f} MB for {folder / MODEL}"
    )
    task.on_step("steps", 0, trainer.steps)
    trained = trainer.train(lambda done: task.on_step("steps", done, trainer.steps))
    vectors = {name: each.rows for name, each in trained.vectors.items()}
    if vectors:
        write_bytes(_vectors_file(folder), save(vectors))
    trained.save(folder / MODEL)
    losses = trained.losses[-max(1, len(trained.losses) // 8) :]
    record = {"digest": digest, "loss": sum(losses) / len(losses), "parameters": trained.parameters}
    write_atomic(folder / FOLDER / "tuned.json", json.dumps(record) + "\n")


def _record(folder: Path) -> Mapping[str, Any] | None:
    """Return what is known of the tuned model; None where there is none, or only a part."""
    file = folder / FOLDER / "tuned.json"
    if not file.is_file() or not (folder / MODEL).is_dir():
        return None
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        record = None
    if not isinstance(record, dict) or not isinstance(record.get("digest"), str):
        raise RunError(f"{file}: was changed; start anew with `overwrite`")
    return record


def _vectors_file(folder: Path) -> Path:
    return folder / FOLDER / "tuned.safetensors"
