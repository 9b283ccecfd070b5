"""Notes that a field's `Annotated` hint may hold beside its help, for the strategy's command."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TemplateFiles:
    """The field's templates may come from files too: `--from FILE`, once or more."""

    any_slots: bool = False  # they need not have the task's slots


@dataclass(frozen=True)
class PromptsArgument:
    """The field is the command's argument: a prompts.json."""


@dataclass(frozen=True)
class StartPromptsFile:
    """The field is the path of a prompts.json with the prompt to start from: `--from PROMPTS`."""


@dataclass(frozen=True)
class PromptsFile:
    """The field's template may come from the first prompt of a prompts.json: `--from PROMPTS`."""

    help: str
