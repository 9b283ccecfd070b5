"""The prefix of an adapter of prefix tuning: keys and values of every layer."""

from promptsearch.errors import ModelError, PromptError
from promptsearch.formats.importing.contents import Location, shortened_json
from promptsearch.formats.peft.adapter_config import TENSORS
from promptsearch.formats.peft.adapter_tensors import adapter_rows
from promptsearch.formats.peft.prefix_layout import attention_shape, check_peft_reads, prefix_of
from promptsearch.models import LanguageModel
from promptsearch.prompt import Prefix
from promptsearch.prompt_file.prompts_json import Json

OTHER_MODEL = "name the model that it was trained with as `model`"


def read_prefix(location: Location, config: Json, count: int, model: LanguageModel) -> Prefix:
    """Return the prefix of so many positions; what a projection wrote is a prefix like any.

    Raises DataError if it is none of the model's, or peft reads it otherwise.
    """
    try:
        check_peft_reads(model)
        shape = attention_shape(model)
    except ModelError as error:
        raise location.error(error) from None
    _check_heads(location, config, shape, model)

    def check(file: Location, stored: tuple[int, ...]) -> None:
        _check_shape(file, stored, (count, shape), model)

    rows = adapter_rows(location, count, check)
    try:
        return prefix_of(rows, model)
    except PromptError as error:
        file = Location(location.path.with_name(TENSORS))
        raise file.error(f"{error}; fetch it again") from None


def _check_heads(
    location: Location, config: Json, shape: tuple[int, int, int], model: LanguageModel
) -> None:
    """Raise DataError if the configuration has other layers or heads of another size.

    It may count the heads of the queries, where those of keys and values are fewer.
    """
    layers, _, size = shape
    width, heads = config.get("token_dim"), config.get("num_attention_heads")
    if type(width) is int and type(heads) is int and width != heads * size:
        raise location.error(
            f"its token_dim is {shortened_json(width)} for {shortened_json(heads)} heads, but "
            f"heads of {model.info.spec!r} have {size} numbers each; {OTHER_MODEL}"
        )
    if type(number := config.get("num_layers")) is int and number != layers:
        raise location.error(
            f"num_layers is {shortened_json(number)}, but {model.info.spec!r} has {layers}; "
            f"{OTHER_MODEL}"
        )


def _check_shape(
    file: Location,
    stored: tuple[int, ...],
    expected: tuple[int, tuple[int, int, int]],
    model: LanguageModel,
) -> None:
    """Raise DataError if the tensor is not (position, layer x key | value x head x size)."""
    count, (layers, heads, size) = expected
    width = 2 * layers * heads * size
    if len(stored) != 2 or stored[0] != count:
        raise file.error(
            f"its prefix is {stored}, but {count} virtual tokens are {(count, width)}; fetch the "
            "folder again"
        )
    if stored[1] != width:
        raise file.error(
            f"its prefix has {stored[1]} numbers a position, but {model.info.spec!r}, with "
            f"{layers} layers of {heads} heads of {size}, has {width}; {OTHER_MODEL}"
        )
