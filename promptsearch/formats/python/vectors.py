"""The vectors of a program's soft tokens: one table, in the program or in a file beside it."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

from safetensors.numpy import save

from promptsearch.files.write import write_bytes
from promptsearch.models import LanguageModel
from promptsearch.models.forward.embedding_table import embedding_weight
from promptsearch.models.frozen_model import frozen_model
from promptsearch.models.tokenization.control_tokens import control_tokens
from promptsearch.models.tokenization.soft_tokens import SoftTokens
from promptsearch.models.tokenization.tokenizer import FastTokens
from promptsearch.prompt_file.soft_file import MODEL

INLINE = 1 << 16  # bytes that a program holds; more lie beside it


def table_rows(model: LanguageModel) -> SoftTokens:
    """Return a count of soft tokens, whose ids are the rows of the program's table."""
    hidden = embedding_weight(frozen_model(model).runtime.model).shape[1]
    return SoftTokens(model.info, 0, hidden)


def vector_constants(model: LanguageModel, soft: SoftTokens, into: Path) -> Mapping[str, object]:
    """Return the constants of a program with these soft tokens; write many vectors beside it."""
    if soft.table is None:
        return {}
    rows = soft.table.rows.numpy().astype("<f4")
    tokenizer = frozen_model(model).runtime.tokenizer
    tokens = FastTokens(tokenizer.backend_tokenizer, control_tokens(tokenizer))
    constants = {"HIDDEN": rows.shape[1], "STAND_IN": tokens.stand_in}
    if rows.nbytes <= INLINE:
        return {**constants, "VECTORS": b64encode(rows.tobytes()).decode()}
    file = into.with_name(f"{into.stem}.vectors.safetensors")
    write_bytes(file, save({"vectors": rows}, {MODEL: model.info.sha256}))
    return {**constants, "VECTORS_FILE": file.name}
