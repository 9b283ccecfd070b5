"""Model families by name: a module and a row for each."""

from collections.abc import Mapping

from promptsearch.models import Family
from promptsearch.models.families.causal import CausalFamily
from promptsearch.models.families.family import FamilyEntry
from promptsearch.models.families.masked import MaskedFamily
from promptsearch.models.families.seq2seq import Seq2SeqFamily

FAMILIES: Mapping[Family, FamilyEntry] = {
    "masked": FamilyEntry(
        ("ForMaskedLM",),
        "AutoModelForMaskedLM",
        "MODEL_FOR_MASKED_LM_MAPPING_NAMES",
        MaskedFamily.create,
    ),
    "causal": FamilyEntry(
        ("ForCausalLM", "LMHeadModel"),
        "AutoModelForCausalLM",
        "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
        CausalFamily.create,
    ),
    "seq2seq": FamilyEntry(
        (),  # a configuration says that it is an encoder-decoder
        "AutoModelForSeq2SeqLM",
        "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
        Seq2SeqFamily.create,
    ),
}
