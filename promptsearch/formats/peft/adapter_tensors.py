"""The one tensor of an adapter, from safetensors alone: a pickle may run code."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from promptsearch.errors import PromptSearchError
from promptsearch.formats.importing.contents import Location, shortened_json
from promptsearch.formats.peft.adapter_config import TENSOR, TENSORS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PICKLE = "adapter_model.bin"


def adapter_rows(
    location: Location, count: int, check_shape: Callable[[Location, tuple[int, ...]], None]
) -> "NDArray[np.float32]":
    """Return the first `count` rows, as float32, of the adapter whose configuration is there.

    `check_shape` gets the file and the shape before numbers are read. Raises DataError for what
    holds no such tensor, or more than one.
    """
    from safetensors import SafetensorError, safe_open

    file = Location(_tensor_file(location))
    try:
        with safe_open(file.path, framework="pt") as tensors:
            _check_alone(file, tensors.keys())
            stored = tensors.get_slice(TENSOR)
            check_shape(file, tuple(stored.get_shape()))
            rows = stored[:count]
    except PromptSearchError:
        raise
    except (SafetensorError, OSError, ValueError) as error:
        raise file.error(f"no safetensors ({error}); fetch it again") from None
    if not rows.is_floating_point():
        dtype = str(rows.dtype).removeprefix("torch.")
        raise file.error(f"{TENSOR} is {dtype}, but vectors are floats; fetch it again")
    values: NDArray[np.float32] = rows.float().numpy()
    return values


def _tensor_file(location: Location) -> Path:
    """Return the file of tensors. Raises DataError if there is only a pickle, or none."""
    file = location.path.with_name(TENSORS)
    if file.is_file():
        return file
    if location.path.with_name(PICKLE).is_file():
        raise location.error(
            f"{PICKLE} is a pickle, which may run code and is never opened; save the adapter with "
            "safe_serialization=True"
        )
    raise location.error(f"there is no {TENSORS} beside it; put it there")


def _check_alone(file: Location, names: Sequence[str]) -> None:
    if TENSOR not in names:
        raise file.error(f"it holds no {TENSOR}; fetch it again")
    if more := [name for name in names if name != TENSOR]:
        raise file.error(
            f"it holds {shortened_json(more[0])[1:-1]} too, which belongs to a changed model; give "
            "an adapter with vectors alone"
        )
