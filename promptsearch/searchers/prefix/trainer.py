"""The trainer of a prefix and heads, as a search sets it up."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from promptsearch.models import LanguageModel
from promptsearch.models.training.config import PrefixEncoder, SoftTrainingConfig
from promptsearch.prompt import Template

if TYPE_CHECKING:
    from promptsearch.models.training.continuous_trainer import (
        ContinuousTrainer,
        PromptObjective,
    )


def trainer_of(
    model: LanguageModel,
    templates: Sequence[Template],
    objective: "PromptObjective",
    config: SoftTrainingConfig,
    encoder: tuple[PrefixEncoder, int],
    seed: int,
) -> "ContinuousTrainer":
    """Return the trainer of what the templates have; the encoder comes with its width."""
    from promptsearch.models.frozen_model import frozen_model
    from promptsearch.models.training.continuous_trainer import ContinuousTrainer
    from promptsearch.models.training.deep_prompt import DeepPrompt

    name, middle = encoder
    hidden = frozen_model(model).runtime.batch_limits.hidden
    sizes = {"hidden": hidden, "middle": middle, "seed": seed}
    deep = DeepPrompt(templates, name, dropout=config.dropout, **sizes)
    return ContinuousTrainer(model, deep, objective, config, seed)
