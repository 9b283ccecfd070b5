"""Translation with encoder-decoders of transformers, by its beam search."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from promptsearch.errors import ModelError
from promptsearch.models import Options
from promptsearch.models.batching.batch_plan import OUTPUTS
from promptsearch.models.generation.translation import LONGEST, Translation, Translator
from promptsearch.models.loading.files import ModelFiles
from promptsearch.models.loading.guard import guarded
from promptsearch.models.loading.pretrained import device_of, moved, quiet

TEXTS = 16  # translated at a time


@dataclass(frozen=True, eq=False)
class HubTranslator:
    """A model and tokenizer of transformers."""

    model: Any
    tokenizer: Any
    sha256: str
    one_best: bool = False

    @property
    def languages(self) -> tuple[str, str] | None:
        """The languages that Marian's tokenizers name."""
        names = [getattr(self.tokenizer, name, None) for name in ("source_lang", "target_lang")]
        return (str(names[0]), str(names[1])) if all(names) else None

    def translations(self, texts: Sequence[str], count: int) -> list[list[Translation]]:
        """Return the best `count` hypotheses of a beam of that width."""
        results: list[list[Translation]] = []
        for start in range(0, len(texts), TEXTS):
            results += self._translate_batch(list(texts[start : start + TEXTS]), count)
        return results

    @torch.inference_mode()
    def _translate_batch(self, texts: list[str], count: int) -> list[list[Translation]]:
        encoded = self.tokenizer(texts, return_tensors="pt", padding=True).to(self.model.device)
        generated = self.model.generate(
            input_ids=encoded["input_ids"],
            attention_mask=encoded["attention_mask"],
            num_beams=count,
            num_return_sequences=count,
            do_sample=False,
            max_new_tokens=LONGEST,
        )
        values = self._log_probs(encoded, generated, count).tolist()
        texts = self.tokenizer.batch_decode(generated, skip_special_tokens=True)
        pairs = [Translation(text.strip(), v) for text, v in zip(texts, values, strict=True)]
        groups = (pairs[i : i + count] for i in range(0, len(pairs), count))
        return [sorted(group, key=lambda pair: -pair.log_prob) for group in groups]

    def _log_probs(self, encoded: Any, generated: Tensor, count: int) -> Tensor:
        """Return (sequence,) mean log p of the tokens.

        Computed again, as the beam's scores depend on the version of transformers in what they
        divide by.
        """
        ids = encoded["input_ids"].repeat_interleave(count, 0)
        mask = encoded["attention_mask"].repeat_interleave(count, 0)
        size = generated.shape[1] * int(self.model.config.vocab_size)
        room = max(1, OUTPUTS // size)  # sequences whose output is held at a time
        parts = zip(ids.split(room), mask.split(room), generated.split(room), strict=True)
        return torch.cat([self._means(*part) for part in parts])

    def _means(self, ids: Tensor, mask: Tensor, generated: Tensor) -> Tensor:
        labels = generated[:, 1:]
        logits = self.model(
            input_ids=ids, attention_mask=mask, decoder_input_ids=generated[:, :-1]
        ).logits
        values: Tensor = logits.float().log_softmax(-1).gather(2, labels[..., None])[..., 0]
        counted = _until_end(labels, self.tokenizer.eos_token_id)
        return (values * counted).sum(1) / counted.sum(1).clamp(min=1)


def _until_end(labels: Tensor, end: int) -> Tensor:
    """Return (sequence, token): 1 up to the first end token, 0 for the padding after it."""
    ends = (labels == end).long()
    return (ends.cumsum(1) - ends == 0).float()


def load_marian(source: ModelFiles, spec: str, options: Options) -> Translator:
    """Return the translator. Raise ModelError if the files are no encoder-decoder's."""
    from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer

    with quiet(), guarded(source, replace(options, spec=spec)):
        config = AutoConfig.from_pretrained(source.directory, local_files_only=True)
        if not config.is_encoder_decoder:
            raise ModelError(f"{spec!r} is a {config.model_type}, which does not translate")
        tokenizer = AutoTokenizer.from_pretrained(source.directory, local_files_only=True)
        model = AutoModelForSeq2SeqLM.from_pretrained(source.directory, local_files_only=True)
    model = moved(model, device_of(options.device)).eval()
    return HubTranslator(model, tokenizer, source.sha256)
