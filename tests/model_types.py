"""Tiny random models of every type that transformers has, saved as directories."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.models.auto import modeling_auto

FAMILIES = {  # family -> transformers' table of its types, and its loader
    "masked": ("MODEL_FOR_MASKED_LM_MAPPING_NAMES", transformers.AutoModelForMaskedLM),
    "causal": ("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", transformers.AutoModelForCausalLM),
    "seq2seq": ("MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES", transformers.AutoModelForSeq2SeqLM),
}
SPARE = 16  # rows of the embedding behind the tokenizer's: for images, sound
SPREAD = 0.3  # of random weights: scores differ widely, and float32 has room for 1e-4
LARGEST = 1_000_000  # weights of a model: others take minutes


@dataclass(frozen=True)
class ModelType:
    """A type of a family; some causal ones look ahead unless they are made decoders."""

    family: str
    name: str
    decoder: bool = False

    def __str__(self) -> str:
        return f"{self.name} as decoder" if self.decoder else self.name

    @property
    def loader(self) -> Any:
        return FAMILIES[self.family][1]

    def config(self, vocabulary: int) -> Any:
        """Return a tiny configuration, all parts of it."""
        exceptions = EXCEPTIONS.get(self.name, {})
        if self.decoder:
            exceptions = {**exceptions, "is_decoder": True}
        return _tiny(transformers.CONFIG_MAPPING[self.name], vocabulary, exceptions)

    def save(self, tokenizer: Any, folder: Path) -> None:
        """Write a random model and the tokenizer. Raise what transformers raises."""
        config = self.config(len(tokenizer) + SPARE)
        with torch.device("meta"):
            size = sum(weights.numel() for weights in self.loader.from_config(config).parameters())
        if size > LARGEST:
            raise ValueError(f"{size:,} weights at these sizes")
        torch.manual_seed(0)
        model = self.loader.from_config(config, dtype=torch.float32)
        with torch.no_grad():
            for weights in model.parameters():
                if weights.dim() > 1:
                    torch.nn.init.normal_(weights, 0, SPREAD)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    def load(self, folder: Path) -> Any:
        """Return the model as transformers alone reads it."""
        return self.loader.from_pretrained(folder, dtype=torch.float32).eval()


def types_of(family: str) -> list[ModelType]:
    """Return the types that transformers' table of the family has."""
    names = sorted(getattr(modeling_auto, FAMILIES[family][0]))
    types = [ModelType(family, name) for name in names]
    return types + [ModelType(family, name, True) for name in names if _needs_telling(family, name)]


def _needs_telling(family: str, name: str) -> bool:
    """Return True if a causal model of this type is one only by a field of its configuration."""
    fields = getattr(transformers.CONFIG_MAPPING[name], "__dataclass_fields__", {})
    masked = getattr(modeling_auto, FAMILIES["masked"][0])
    return family == "causal" and name in masked and "is_decoder" in fields


def _tiny(config_class: Any, vocabulary: int, exceptions: dict[str, Any]) -> Any:
    default = config_class()
    names = set(default.to_dict()) | set(config_class.attribute_map)
    sizes = {name: size for name, size in SIZES.items() if name in names}
    sizes |= {name: vocabulary for name in names if name in VOCABULARIES}
    sizes |= {
        name: vocabulary - 1 - number % SPARE
        for number, name in enumerate(sorted(names))
        if name.endswith(("_token_id", "_token_index")) and name not in SIZES
    }
    if "kv_lora_rank" in names:  # one latent key for all heads
        sizes["num_key_value_heads"] = sizes["num_attention_heads"]
    for name in config_class.sub_configs:
        if (part := getattr(default, name, None)) is not None:
            sizes[name] = _tiny(type(part), vocabulary, exceptions.get(name, {}))
    return config_class(**{**sizes, **exceptions})


VOCABULARIES = {
    *("vocab_size", "src_vocab_size", "tgt_vocab_size", "vocab_size_per_layer_input"),
    "unpadded_vocab_size",
}
# size -> the names that configurations have for what is to be so small
_NAMES: dict[int, str] = {
    1: "num_key_value_heads n_group topk_group first_k_dense_replace",
    2: "num_hidden_layers n_layer n_layers num_layers encoder_layers decoder_layers depth "
    "num_attention_heads n_head n_heads num_heads encoder_attention_heads decoder_attention_heads "
    "num_experts_per_tok moe_topk moe_k index_n_heads linear_num_key_heads linear_num_value_heads",
    4: "n_routed_experts num_experts num_local_experts moe_num_experts patch_size mamba_d_state "
    "state_size ssm_state_size mamba_n_heads mamba_num_heads",
    8: "head_dim d_kv rotary_dim qk_rope_head_dim qk_nope_head_dim v_head_dim q_lora_rank "
    "kv_lora_rank mamba_d_head mamba_head_dim global_head_dim index_head_dim laurel_rank "
    "hidden_size_per_layer_input sliding_window sliding_window_size linear_key_head_dim "
    "linear_value_head_dim image_size",
    16: "hidden_size d_model n_embd dim emb_dim embedding_size input_embedding_size "
    "output_embedding_size d_latents qk_channels v_channels chunk_size mamba_chunk_size "
    "entity_emb_size entity_vocab_size",
    32: "intermediate_size d_ff ffn_dim encoder_ffn_dim decoder_ffn_dim hidden_dim d_inner dim_ff "
    "moe_intermediate_size expert_ffn_hidden_size ffn_hidden_size shared_intermediate_size "
    "shared_expert_intermediate_size vocab_offset mamba_d_ssm",
    128: "max_position_embeddings n_positions n_ctx max_seq_len max_source_positions "
    "max_target_positions",
}
SIZES: dict[str, Any] = {
    **{name: size for size, names in _NAMES.items() for name in names.split()},
    "pad_token_id": 0,
    "decoder_start_token_id": 1,
    "tie_word_embeddings": False,
}
_LINEAR = {"layer_types": ["linear_attention", "full_attention"]}
EXCEPTIONS: dict[str, dict[str, Any]] = {
    # one of two layers attends, or transformers' cache has no length
    "bamba": {"attn_layer_indices": [1]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"]},
    "jamba": {"attn_layer_offset": 1, "attn_layer_period": 2},
    "recurrent_gemma": {"block_types": ["recurrent", "attention"]},
    **dict.fromkeys(["qwen3_next", "qwen3_5_text", "qwen3_5_moe_text"], _LINEAR),
    # sizes that their code ties to one another
    "diffllama": {"num_key_value_heads": 2},
    "esmc": {"num_key_value_heads": 2},
    "gemma3n_text": {"num_kv_shared_layers": 0},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "mamba2": {"head_dim": 8, "num_heads": 4, "n_groups": 1},
    "nemotron_h": {"n_groups": 1},
    "zamba": {"num_hidden_layers": 3},
    "zaya": {"num_experts_per_tok": 1},
    # attention without a window: its own mask is for one size only
    "dory": {"sliding_window": 128},
    # logits are multiplied by it
    "minicpm3": {"dim_model_base": 16},
    # sizes of their own
    "roc_bert": {
        **dict.fromkeys(["pronunciation_embed_dim", "shape_embed_dim"], 8),
        **dict.fromkeys(["pronunciation_vocab_size", "shape_vocab_size"], 20),
    },
    # switches without which they do not run
    "xmod": {"default_language": "en_XX"},
    "reformer": {"axial_pos_embds": False, "attention_head_size": 8, "feed_forward_size": 32},
}
