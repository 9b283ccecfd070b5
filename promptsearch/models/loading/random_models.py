"""transformers models for benchmarks and tests: random ones of a given shape, or those of a spec.

A random model costs what a real one of its shape costs; only its scores are meaningless.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch

from promptsearch.models import Family, LanguageModel, ModelInfo, Options
from promptsearch.models.forward.linear import in_bfloat16
from promptsearch.models.frozen_model import frozen_model
from promptsearch.models.loading.build import wrap
from promptsearch.models.loading.files import MINI
from promptsearch.models.loading.load import load_model
from promptsearch.models.loading.pretrained import device_of, moved, quiet

SENTINELS = 100  # <extra_id_0>, ... as T5 has them


@dataclass(frozen=True)
class Size:
    """The size of a random model; the defaults are BERT-base's (Devlin et al., 2019)."""

    layers: int = 12  # of an encoder-decoder: of each half
    hidden: int = 768
    heads: int = 12
    feed_forward: int = 3072
    vocabulary: int = 30_522
    positions: int = 512


BERT_BASE = Size()
GPT2 = Size(vocabulary=50_257, positions=1024)  # Radford et al. (2019), the smallest
T5_SMALL = Size(layers=6, hidden=512, heads=8, feed_forward=2048, vocabulary=32_128)


@dataclass(frozen=True, eq=False)
class Parts:
    """A transformers model in eval mode with its tokenizer, and their info."""

    model: Any
    tokenizer: Any
    info: ModelInfo

    @property
    def family(self) -> Family:
        return self.info.family

    def wrapped(self) -> LanguageModel:
        """Return the weights as a model that scores, prompts read as they are."""
        return wrap(self.model, self.tokenizer, self.info, Options(self.info.spec, chat="off"))

    def in_bfloat16(self) -> "Parts":
        """Return a copy with bfloat16 weights."""
        model = in_bfloat16(self.model)
        return replace(self, model=model, info=replace(self.info, dtype="bfloat16"))


def random_parts(family: Family, size: Size, device: str = "cpu", seed: int = 0) -> Parts:
    """Return a random model of this size in float32, with the built-in word pieces."""
    makers = {"masked": _bert, "causal": _gpt2, "seq2seq": _t5}
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(seed)
        model = makers[family](size)
    info = ModelInfo(f"random {family}", family, "0" * 64, "float32")
    return Parts(moved(model.eval(), device_of(device)), _tokenizer(family), info)


def load_parts(spec: str, device: str = "cpu") -> Parts:
    """Return the model of `--model SPEC` in float32. Raise ModelError if there is none."""
    model = frozen_model(load_model(spec, device=device, dtype="float32", chat="off"))
    return Parts(model.runtime.model, model.runtime.tokenizer, model.info)


def _tokenizer(family: Family) -> Any:
    """Return the built-in word pieces, with the special tokens of the family."""
    from tokenizers import Tokenizer, processors
    from transformers import PreTrainedTokenizerFast

    pieces = Tokenizer.from_file(str(MINI / "tokenizer.json"))
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    if family == "causal":
        names |= {"bos_token": "[CLS]", "eos_token": "[SEP]"}
        begin = pieces.token_to_id("[CLS]")
        pieces.post_processor = processors.TemplateProcessing("[CLS] $A", None, [("[CLS]", begin)])
    if family == "seq2seq":
        pieces.add_special_tokens(["</s>", *(f"<extra_id_{i}>" for i in range(SENTINELS))])
        names |= {"eos_token": "</s>"}
        end = pieces.token_to_id("</s>")
        pieces.post_processor = processors.TemplateProcessing("$A </s>", None, [("</s>", end)])
    return PreTrainedTokenizerFast(tokenizer_object=pieces, **names)


def _bert(size: Size) -> Any:
    from transformers import BertConfig, BertForMaskedLM

    return BertForMaskedLM(
        BertConfig(
            vocab_size=size.vocabulary,
            hidden_size=size.hidden,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            intermediate_size=size.feed_forward,
            max_position_embeddings=size.positions,
        )
    )


def _gpt2(size: Size) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=size.vocabulary,
            n_positions=size.positions,
            n_embd=size.hidden,
            n_layer=size.layers,
            n_head=size.heads,
            n_inner=size.feed_forward,
            bos_token_id=101,
            eos_token_id=102,
        )
    )


def _t5(size: Size) -> Any:
    from transformers import T5Config, T5ForConditionalGeneration

    config: Any = T5Config(
        vocab_size=size.vocabulary,
        d_model=size.hidden,
        d_kv=size.hidden // size.heads,
        d_ff=size.feed_forward,
        num_layers=size.layers,
        num_heads=size.heads,
    )
    config.decoder_start_token_id = 0
    return T5ForConditionalGeneration(config)
