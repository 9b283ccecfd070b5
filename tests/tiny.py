"""Tiny random models in memory: wide init, no tied embeddings, so that no two scores tie."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
)

from promptsearch.models import LanguageModel, ModelInfo, Options
from promptsearch.models.loading.build import wrap

SENTENCES = [
    "It was a great film and the story was really good.",
    "The plot of this movie is terrible, awful, bad.",
    "Paris is the capital of France and New York is a city in America.",
    "She was born in South Korea. One two three four five: what a wonderful evening!",
    "(Nobody likes a dull actor.) the quick brown fox",
] * 3


def trained(name: str, tokenizer: Tokenizer, trainer: Any) -> Tokenizer:
    """The tokenizer, trained once and kept: training breaks ties at random, each time anew."""
    path = Path(__file__).with_name("tokenizers") / f"{name}.json"
    if not path.exists():
        tokenizer.train_from_iterator(SENTENCES, trainer)
        tokenizer.save(str(path))
    return Tokenizer.from_file(str(path))


def bert_tokenizer() -> Any:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=180, special_tokens=special, show_progress=False)
    tokenizer = trained("wordpiece", tokenizer, trainer)
    ends = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ends
    )
    tokenizer.decoder = decoders.WordPiece()
    names = zip(("pad", "unk", "cls", "sep", "mask"), special, strict=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **{f"{name}_token": token for name, token in names}
    )


def byte_level(special: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    return trained(f"bytes-{len(special)}", tokenizer, trainer)


def gpt2_tokenizer() -> Any:
    tokenizer = byte_level(["<|endoftext|>"])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>")


def roberta_tokenizer() -> Any:
    tokenizer = byte_level(["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    names = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "cls": "<s>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        mask_token=AddedToken("<mask>", lstrip=True, special=True),
        **{f"{name}_token": token for name, token in names.items()},
    )


def unigram(special: list[str], **options: Any) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    trainer = trainers.UnigramTrainer(
        vocab_size=150, special_tokens=special, unk_token="<unk>", show_progress=False, **options
    )
    return trained(f"unigram-{len(special)}", tokenizer, trainer)


def t5_tokenizer() -> Any:
    sentinels = [f"<extra_id_{i}>" for i in range(5)]
    tokenizer = unigram(["<pad>", "</s>", "<unk>", *sentinels])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def llama_tokenizer() -> Any:
    tokenizer = unigram(["<unk>", "<s>", "</s>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
WIDE = {"initializer_range": 0.5, "tie_word_embeddings": False}


def bert(tokenizer: Any, positions: int = 64) -> Any:
    config = BertConfig(
        vocab_size=len(tokenizer),
        intermediate_size=32,
        max_position_embeddings=positions,
        **SIZES,
        **WIDE,
    )
    return BertForMaskedLM(config)


def roberta(tokenizer: Any) -> Any:
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        intermediate_size=32,
        max_position_embeddings=64,
        pad_token_id=1,
        **SIZES,
        **WIDE,
    )
    return RobertaForMaskedLM(config)


def gpt2(tokenizer: Any) -> Any:
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=96, n_embd=16, n_layer=2, n_head=2, **WIDE
    )
    return GPT2LMHeadModel(config)


def llama(tokenizer: Any) -> Any:
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        intermediate_size=32,
        max_position_embeddings=96,
        num_key_value_heads=1,
        **SIZES,
        **WIDE,
    )
    return LlamaForCausalLM(config)


def t5(tokenizer: Any) -> Any:
    config = T5Config(
        vocab_size=len(tokenizer) + 2,
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        decoder_start_token_id=0,
        tie_word_embeddings=False,
        initializer_factor=1.0,
    )
    return T5ForConditionalGeneration(config)


def bart(tokenizer: Any, positions: int = 64) -> Any:
    """Not among `KINDS`: it has no sentinels, and answers in plain text."""
    config = BartConfig(
        vocab_size=len(tokenizer),
        d_model=16,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_position_embeddings=positions,
        init_std=0.5,
        tie_word_embeddings=False,
        forced_eos_token_id=2,
    )
    return BartForConditionalGeneration(config)


KINDS = {
    "bert": ("masked", bert_tokenizer, bert),
    "roberta": ("masked", roberta_tokenizer, roberta),
    "gpt2": ("causal", gpt2_tokenizer, gpt2),
    "llama": ("causal", llama_tokenizer, llama),
    "t5": ("seq2seq", t5_tokenizer, t5),
}


@cache
def parts(kind: str) -> tuple[Any, Any]:
    """A transformers model and its tokenizer, made once: trainers break ties at random."""
    _, make_tokenizer, make_model = KINDS[kind]
    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    return make_model(tokenizer).eval(), tokenizer


def tiny(kind: str, **options: Any) -> tuple[LanguageModel, Any, Any]:
    """A wrapped model, and the transformers model and tokenizer inside."""
    model, tokenizer = parts(kind)
    info = ModelInfo(spec=kind, family=KINDS[kind][0], sha256="0" * 64, dtype="float32")
    return wrap(model, tokenizer, info, Options(spec=kind, **options)), model, tokenizer


@cache
def saved(kind: str) -> str:
    """A directory with the model in the Hugging Face layout; it goes when the tests end."""
    return saved_parts(*parts(kind))


def saved_parts(model, tokenizer) -> str:
    """The directory of a model and its tokenizer, whatever they are."""
    folder = TemporaryDirectory()
    model.save_pretrained(folder.name)
    tokenizer.save_pretrained(folder.name)
    _FOLDERS.append(folder)
    return folder.name


_FOLDERS: list[TemporaryDirectory[str]] = []  # alive as long as the tests
