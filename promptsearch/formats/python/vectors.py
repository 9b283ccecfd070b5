"""What was trained of a program's prompts: in the program, or in a file beside it.

That is a table of the vectors of soft tokens, and the tensors of prefixes and heads.
"""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.numpy import save

from promptsearch.files.write import write_bytes
from promptsearch.formats.python.deep import DeepTensors
from promptsearch.models import LanguageModel
from promptsearch.models.forward.embedding_table import embedding_weight
from promptsearch.models.forward.runtime import reserved
from promptsearch.models.frozen_model import frozen_model
from promptsearch.models.tokenization.control_tokens import control_tokens
from promptsearch.models.tokenization.soft_tokens import SoftTokens
from promptsearch.models.tokenization.tokenizer import FastTokens
from promptsearch.prompt_file.soft_file import MODEL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TABLE = "vectors"  # of soft tokens
INLINE = 1 << 16  # bytes that a program holds; more lie beside it


def table_rows(model: LanguageModel) -> SoftTokens:
    """Return a count of soft tokens, whose ids are the rows of the program's table."""
    hidden = embedding_weight(frozen_model(model).runtime.model).shape[1]
    return SoftTokens(model.info, 0, hidden)


def trained_constants(
    model: LanguageModel, soft: SoftTokens, deep: DeepTensors, into: Path
) -> Mapping[str, object]:
    """Return the constants of a program with these parts; write many numbers beside it."""
    tensors = dict(deep.tensors)
    if soft.table is not None:
        tensors[TABLE] = soft.table.rows.numpy().astype("<f4")
    if not tensors:
        return {}
    loaded = frozen_model(model).runtime
    tokens = FastTokens(loaded.tokenizer.backend_tokenizer, control_tokens(loaded.tokenizer))
    constants = {"STAND_IN": tokens.stand_in, "FIRST_POSITION": reserved(loaded.model)}
    if sum(each.nbytes for each in tensors.values()) <= INLINE:
        return {**constants, "VECTORS": {name: _inline(each) for name, each in tensors.items()}}
    file = into.with_name(f"{into.stem}.vectors.safetensors")
    write_bytes(file, save(tensors, {MODEL: model.info.sha256}))
    return {**constants, "VECTORS_FILE": file.name}


def _inline(tensor: "NDArray[np.float32]") -> tuple[tuple[int, ...], str]:
    """Return a tensor's shape, and its numbers in base64."""
    return tensor.shape, b64encode(tensor.tobytes()).decode()
