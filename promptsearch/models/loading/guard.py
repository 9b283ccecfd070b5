"""The guard around loading: whatever a model directory raises becomes one line with a way out."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from promptsearch.errors import ModelError
from promptsearch.models import Options
from promptsearch.models.foreign_errors import first_words, foreign_errors, is_memory_full
from promptsearch.models.loading.damage import damaged_file
from promptsearch.models.loading.files import ModelFiles

_VOCABULARIES = ("tokenizer.json", "*vocab*", "*.model", "*.spm", "*.tiktoken", "tekken.json")
_BYTE_PAIRS = ("vocab.json", "merges.txt", "tokenizer.json")


@contextmanager
def guarded(source: ModelFiles, options: Options) -> Iterator[None]:
    """Turn what is raised while files are read, wrapped or tried into a ModelError."""
    with foreign_errors(lambda error: _loading_error(error, source, options)):
        yield


def _loading_error(error: BaseException, source: ModelFiles, options: Options) -> ModelError:
    spec, reason = options.spec, first_words(error)
    if is_memory_full(error):
        return ModelError(
            f"the model {spec!r} does not fit into memory; use `dtype` bfloat16, or a smaller model"
        )
    if "trust_remote_code" in str(error) and not options.trust_remote_code:
        return ModelError(
            f"the model {spec!r} cannot be read without its own Python code; look at the code in "
            f"{source.directory}, then allow it with `trust_remote_code`"
        )
    if isinstance(error, ImportError):
        return ModelError(f"the model {spec!r} cannot be read: a package is missing: {reason}")
    if damage := damaged_file(source.directory):
        path, problem = damage
        return ModelError(
            f"the model {spec!r} cannot be read: its file {path.name} is damaged ({problem}); "
            "download or copy that file again"
        )
    if "ignore_mismatched_sizes" in str(error):
        return ModelError(
            f"the model {spec!r} cannot be read: its weights have other shapes than its "
            "config.json says; take both from one model"
        )
    if lack := _lacking(source):
        return ModelError(f"the model {spec!r} cannot be read: its tokenizer has {lack}")
    return ModelError(
        f"the model {spec!r} cannot be read: {reason}; are all its files from one model, and made "
        f"for transformers {version('transformers')}?"
    )


def _lacking(source: ModelFiles) -> str | None:
    """Return the vocabulary file that the directory lacks, if it lacks one, and the way out."""
    has = {name: (source.directory / name).is_file() for name in _BYTE_PAIRS}
    if has["vocab.json"] and not has["merges.txt"] and not has["tokenizer.json"]:
        return "vocab.json, but not merges.txt; put it, or tokenizer.json, beside it"
    if source.gguf or any(next(source.directory.glob(name), None) for name in _VOCABULARIES):
        return None
    return "no vocabulary; put tokenizer.json into the directory"
