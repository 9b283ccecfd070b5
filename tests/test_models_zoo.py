"""Models of many builds equal the one-at-a-time reference, by our ways where these fit them."""

import pytest
import tiny
import torch
import transformers
from test_models_naive import (
    ONE,
    SINGLE,
    causal_reference,
    filled,
    masked_reference,
    scores,
    seq2seq_reference,
)

from promptsearch.models import ModelInfo, Options
from promptsearch.models.loading.build import wrap

SMALL = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
SMALL |= {"hidden_size": 16, "max_position_embeddings": 96}
GROUPED = {**SMALL, "num_key_value_heads": 1}
HEADED = {**GROUPED, "head_dim": 8}
OLD = {"hidden_size": 16, "n_layer": 2, "n_head": 2}
T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
ENDS = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2}
MASKED = {  # configuration -> its options, and the way that fits
    "DistilBert": ({"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}, "PackedForward"),
    "Albert": ({**SMALL, "embedding_size": 8}, "PackedForward"),
    "XLMRoberta": (SMALL, "FusedForward"),
    "ModernBert": ({**SMALL, "local_attention": 64, "sep_token_id": 3, **ENDS}, "PackedForward"),
    "DebertaV2": ({**SMALL, "relative_attention": True, "pos_att_type": ["c2p"]}, None),
    "ConvBert": ({**SMALL, "embedding_size": 16, "head_ratio": 1}, None),  # padding leaks
    "FNet": ({"hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 32}, None),
}
CAUSAL = {
    "Qwen2": (GROUPED, "PackedForward"),
    "Mistral": ({**GROUPED, "sliding_window": 8}, "PackedForward"),  # 4 tokens are sure to be seen
    "Gemma3Text": ({**HEADED, "sliding_window": 64}, "PackedForward"),
    "Gemma2": ({**HEADED, "query_pre_attn_scalar": 8}, None),  # soft caps
    "Mixtral": ({**GROUPED, "num_local_experts": 2}, "PackedForward"),
    "OPT": ({**SMALL, "ffn_dim": 32, "word_embed_proj_dim": 16}, "PackedForward"),
    "Bloom": (OLD, None),  # positions from the mask
    "Mamba": ({"hidden_size": 16, "num_hidden_layers": 2, "state_size": 4}, None),  # no attention
}
SEQ2SEQ = {"MT5": (T5, "PackedEncoder"), "UMT5": (T5, "PackedEncoder"), "LongT5": (T5, None)}


def made(name, options, kind):
    """A wrapped random model, the model and its tokenizer; wide enough that nothing ties."""
    tokenizer = tiny.parts(kind)[1]
    config = getattr(transformers, f"{name}Config")(
        vocab_size=len(tokenizer) + 2 * (kind == "t5"), **options
    )
    config.tie_word_embeddings = False
    family = {"bert": "masked", "gpt2": "causal", "t5": "seq2seq"}[kind]
    auto = {"masked": "MaskedLM", "causal": "CausalLM", "seq2seq": "Seq2SeqLM"}[family]
    if family == "seq2seq":
        config.decoder_start_token_id = 0
    torch.manual_seed(0)
    model = getattr(transformers, f"AutoModelFor{auto}").from_config(config).eval()
    if family != "seq2seq":
        for weights in model.parameters():
            if weights.dim() > 1:
                torch.nn.init.normal_(weights, 0, 0.5)
    info = ModelInfo(name, family, "0" * 64, "float32")
    return wrap(model, tokenizer, info, Options(name)), model, tokenizer


def check(name, options, way, kind, reference):
    port, model, tokenizer = made(name, options, kind)
    assert type(port.runtime.fast).__name__ == str(way or "NoneType")
    long = ONE[0].fill({"text": "great film " * 8})
    texts = [*filled(ONE), long]
    expected = [[reference(model, tokenizer, text, a) for a in SINGLE] for text in texts]
    found = scores(port, texts, SINGLE)
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-4, rtol=2e-5)
    assert not scores(port.fast_model, texts, SINGLE).isnan().any()


@pytest.mark.parametrize("name", MASKED)
def test_masked(name):
    check(name, *MASKED[name], "bert", lambda *given: masked_reference(*given, True))


@pytest.mark.parametrize("name", CAUSAL)
def test_causal(name):
    check(name, *CAUSAL[name], "gpt2", causal_reference)


@pytest.mark.parametrize("name", SEQ2SEQ)
def test_seq2seq(name):
    check(name, *SEQ2SEQ[name], "t5", seq2seq_reference)
