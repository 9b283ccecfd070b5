"""Where another program loads the model of an export from, and what it needs for that."""

from promptsearch.models import LanguageModel
from promptsearch.models.loading.files import GGUF_PACKAGES, ModelFiles, find_model_files

GGUF_NOTE = f"a GGUF file needs two packages more: {' and '.join(GGUF_PACKAGES)}"


def model_files(model: LanguageModel) -> ModelFiles:
    """Return the files of a loaded model."""
    return find_model_files(model.options.spec)


def directory_or_name(model: LanguageModel) -> str:
    """Return the model's directory on this machine; of a hub's model its name."""
    source = model_files(model)
    spec: str = model.options.spec
    return spec if source.revision else str(source.directory.absolute())
