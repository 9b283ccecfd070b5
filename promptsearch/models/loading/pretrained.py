"""Reading a model's files with transformers, quietly."""

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from importlib.util import find_spec
from io import StringIO
from typing import Any

import torch

from promptsearch.errors import ModelError
from promptsearch.files.packages import install_command
from promptsearch.models import Family, LanguageModel, ModelInfo, Options
from promptsearch.models.families import FAMILIES
from promptsearch.models.loading.architectures import (
    check_architectures,
    check_family,
    family_of,
)
from promptsearch.models.loading.build import wrap
from promptsearch.models.loading.files import ModelFiles
from promptsearch.models.loading.guard import guarded
from promptsearch.models.loading.layer_counts import check_layer_counts
from promptsearch.models.loading.tokenizer_file import read_tokenizer
from promptsearch.models.loading.weights_report import check_weights


def load(source: ModelFiles, options: Options) -> LanguageModel:
    """Load, examine and wrap the files.

    Raise ModelError if they are damaged, of another kind, or do not fit one another.
    """
    device = device_of(options.device)
    common = _arguments(source, options)
    with quiet(), guarded(source, options):
        config = _config(source, options)
        check_architectures(config, options.spec)
        family = options.family or family_of(config, options.spec)
        check_family(family, config, options.spec)
        tokenizer = read_tokenizer(source, options, **common)
        model = _weights(source, options, family, common)
        model = with_random_weights(model, int(source.sha256[:8], 16)) if source.random else model
        model = model if options.device_map else moved(model, device)
        dtype = str(model.dtype).removeprefix("torch.")
        info = ModelInfo(options.spec, family, source.sha256, dtype, source.revision)
        return wrap(model, tokenizer, info, options)


def family_at(source: ModelFiles, options: Options) -> Family:
    """Return the family of the options, or else that of the configuration."""
    with quiet(), guarded(source, options):
        return options.family or family_of(_config(source, options), options.spec)


def transformers_tokenizer(source: ModelFiles, options: Options) -> Any:
    """Return the tokenizer that transformers alone builds, as a program of few lines has it."""
    from transformers import AutoTokenizer

    with quiet(), guarded(source, options):
        return AutoTokenizer.from_pretrained(source.directory, **_arguments(source, options))


def _config(source: ModelFiles, options: Options) -> Any:
    from transformers import AutoConfig

    check_layer_counts(source.directory, options.spec)
    return AutoConfig.from_pretrained(source.directory, **_arguments(source, options))


def _arguments(source: ModelFiles, options: Options) -> dict[str, Any]:
    common: dict[str, Any] = {"trust_remote_code": options.trust_remote_code}
    common["local_files_only"] = True
    return common | ({"gguf_file": source.gguf} if source.gguf else {})


def _weights(source: ModelFiles, options: Options, family: Family, common: dict[str, Any]) -> Any:
    import transformers

    auto_model = getattr(transformers, FAMILIES[family].auto_model)
    dtype = torch.float32 if options.dtype == "auto" else getattr(torch, options.dtype)
    if options.device_map:
        _check_accelerate(options)
        common = {**common, "device_map": options.device_map}
    safe = {} if source.gguf else {"use_safetensors": source.weights[0].suffix == ".safetensors"}
    model, report = auto_model.from_pretrained(
        source.directory, dtype=dtype, output_loading_info=True, **safe, **common
    )
    check_weights(report, model, family, options.spec)
    return model


def with_random_weights(model: Any, seed: int) -> Any:
    """Return a model of the same architecture, with weights as before its training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        drawn = type(model)._from_config(model.config, dtype=model.dtype)
    return drawn.eval()


def _check_accelerate(options: Options) -> None:
    if find_spec("accelerate") is None:
        raise ModelError(
            f"`device_map` {options.device_map} needs a package: {install_command('large')}"
        )


def moved(model: Any, device: torch.device) -> Any:
    """Return the model on a device. Raise ModelError if it does not fit."""
    try:
        return model.to(device)
    except torch.OutOfMemoryError:
        size = sum(weights.numel() * weights.element_size() for weights in model.parameters())
        raise ModelError(
            f"the model, {size / 1e9:.1f} GB, does not fit into the memory of {device}; use "
            "`dtype` bfloat16, `device_map` auto, or `device` cpu"
        ) from None


def device_of(name: str) -> torch.device:
    """Return the device of `--device`. Raise ModelError if it is missing."""
    there = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if there else "cpu")
    if name.startswith("cuda") and not there:
        raise ModelError(f"the device {name!r} is not there; use `device` cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ModelError(f"there is no device {name!r}; use `device` cpu, or cuda") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(
            f"the device {name!r} is not there: {torch.cuda.device_count()} GPUs are, from cuda:0"
        )
    return device


@contextmanager
def quiet() -> Iterator[None]:
    """While open, transformers reports errors only, and draws no bars."""
    from transformers.utils import logging as its_logging

    logging: Any = its_logging  # untyped

    quiet_stderr = redirect_stderr(StringIO())  # a GGUF file's bar heeds no setting
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with quiet_stderr:
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
