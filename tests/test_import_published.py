"""Every published file of the formats that are read: how many prompts come of it."""

import pytest
from foreign import groups

from promptsearch.errors import DataError
from promptsearch.exports.importing import Importing, read_files

COUNTS = {  # (relations, prompts)
    ("lpaqa", "factual/lpaqa_prompt/mine"): (26, 731),
    ("lpaqa", "factual/lpaqa_prompt/paraphrase"): (26, 672),
    ("lpaqa", "factual/lpaqa_top1.jsonl"): (26, 26),
    ("lama", "factual/relations.jsonl"): (26, 26),
    ("pararel", "factual/pararel_patterns"): (24, 219),
    ("autoprompt", "factual/autoprompt_fact_retrieval_bert_prompts.jsonl"): (26, 26),
    ("autoprompt", "factual/autoprompt_fact_retrieval_roberta_prompts.jsonl"): (26, 26),
}
NOT_PROMPTS = {  # what OpenPrompt's folder holds beside them, and why it is refused
    "template_for_auto_t.txt": "OpenPrompt's generator completes",
    "temp.txt": "read it with --from ptr",
    "COPA/generation_verbalizer.txt": "the example's own",
    "RECORD/generation_verbalizer.txt": "the example's own",
    "WSC/generation_verbalizer.txt": "the example's own",
    "WSC/manual_verbalizer.txt": "the file is empty",
}


@pytest.mark.parametrize(("name", "path"), COUNTS)
def test_published_facts(shared, name, path):
    vocabulary = shared / "data/factual/common_vocab_cased.txt"
    found = groups(name, shared / "data" / path, candidates=vocabulary)
    assert (len(found), sum(len(own.prompts) for own in found)) == COUNTS[name, path]


def test_lm_bff_s_templates_are_a_prompt_a_line(shared):
    files = sorted((shared / "data/classification/lmbff_released").rglob("auto_template/*/*.txt"))
    assert len(files) >= 50
    for file in files:
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        found = read_files([file], "lm-bff", Importing())
        assert len(found.templates) == len(lines), file


def test_openprompt_s_files_are_templates_or_verbalizers(shared):
    files = sorted((shared / "data/verbalizers_openprompt").rglob("*.*"))
    assert len(files) >= 60
    for file in files:
        reasons = [why for end, why in NOT_PROMPTS.items() if str(file).endswith(end)]
        if reasons:
            with pytest.raises(DataError, match=reasons[0]):
                read_files([file], "openprompt", Importing())
            continue
        found = read_files([file], "openprompt", Importing())
        assert found.templates or found.verbalizers, file


def test_pet_s_verbalizers(shared):
    found = read_files([shared / "data/verbalizers_pet/verbalizers.json"], "pet", Importing())
    assert len(found.verbalizers) >= 10
