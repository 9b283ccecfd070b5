"""Losses and gradients of soft prompts against those of OptiPrompt's and P-tuning's own code."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch.nn.functional import cross_entropy
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
)

from promptsearch.data import FACTS, Example
from promptsearch.engine.strategy import Task
from promptsearch.models import ModelInfo, Options, Scoring
from promptsearch.models.loading.build import wrap
from promptsearch.models.training.config import SoftTrainingConfig
from promptsearch.models.training.continuous_trainer import ContinuousTrainer
from promptsearch.models.training.encoders import LstmVectors
from promptsearch.models.training.soft_vectors import VECTORS, SoftVectors
from promptsearch.prompt import Field, Prompt, Slot, Soft, Template, Text, Vectors, Verbalizer
from promptsearch.searchers.soft.objective import prompt_objective

FIELD, SPACE = Field("subject"), Text(" ")


@pytest.fixture(scope="module")
def golden(shared):
    folder = shared / "golden" / "dev" / "soft"

    def read(name):
        return json.loads((folder / f"{name}.json").read_text()), load_file(
            folder / f"{name}.safetensors"
        )

    return read


def bert_tokenizer(vocab):
    tokenizer = Tokenizer(
        models.WordPiece({word: i for i, word in enumerate(vocab)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.decoder = decoders.WordPiece()
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def bert(golden, name, vocab):
    """The tiny model of a golden, its decoder tied, with words as its vocabulary."""
    facts, weights = golden(name)
    config = facts.get(
        "config", golden("model_optiprompt")[0]["config"] | {"vocab_size": len(vocab)}
    )
    keys = {k: v for k, v in config.items() if k not in ("transformers_version", "model_type")}
    model = BertForMaskedLM(
        BertConfig(**keys, hidden_dropout_prob=0.0)
        if "hidden_dropout_prob" not in keys
        else BertConfig(**keys)
    )
    model.load_state_dict({k: torch.tensor(v) for k, v in weights.items()}, strict=False)
    model.tie_weights()
    return model.eval(), bert_tokenizer(vocab)


def port_of(model, tokenizer, family):
    info = ModelInfo(family, family, "0" * 64, "float32")
    return wrap(model, tokenizer, info, Options(chat="off"))


def training(port, template, rows, facts, encoder="none"):
    """A training of the vectors `rows` in a template, on facts: subject -> object."""
    ends = np.cumsum([part.length for part in template.soft])[:-1]
    own = dict(zip([p.name for p in template.soft], np.split(rows, ends), strict=True))
    bound = template.with_vectors({n: Vectors.of(v, port.info.sha256) for n, v in own.items()})
    prompt = Prompt(bound, Verbalizer.of_candidates(sorted({o for _, o in facts})))
    examples = [Example(str(i), {"subject": s}, (o,)) for i, (s, o) in enumerate(facts)]
    task = Task("golden", FACTS, prompt, examples, model=port)
    objective = prompt_objective(task, port, bound, examples, "gold")
    config = SoftTrainingConfig(encoder=encoder)
    return ContinuousTrainer(port, SoftVectors([bound], encoder), objective, config, 0)


def test_optiprompts_words_are_as_likely_as_in_its_release(golden):
    """But for its vectors, which are words there, and [UNK], whose row the release changes."""
    vocab = golden("model_optiprompt")[0]["vocab"]
    facts, tensors = golden("optiprompt_manual")
    model, tokenizer = bert(golden, "model_optiprompt", vocab)
    port = port_of(model, tokenizer, "masked")
    template = Template((Slot(), SPACE, Soft("S1", 4), SPACE, FIELD, SPACE, Soft("S2", 1)))
    known = [("france", "paris"), ("germany", "berlin"), ("italy", "rome")]
    vectors = torch.tensor(tensors["new_vectors"][:5])
    course = training(port, template, vectors.numpy(), known)
    words = [word for word in vocab if word.isalpha()]
    texts = [course.prompt.templates[0].fill({"subject": subject}) for subject, _ in known]
    answers = [(("Z", word),) for word in words]
    plan = port.plan(texts, answers, Scoring("independent"))
    ours = np.zeros((3, len(words)))
    for block in port.run(plan):
        ours[list(block.rows)] = block.log_probs
    theirs = tensors["log_probs_at_mask"][:, [vocab.index(word) for word in words]]
    for values in (ours, theirs):
        values -= values.mean(1, keepdims=True)
    np.testing.assert_allclose(ours, theirs, atol=facts["tolerance"])

    found = course.gradients(range(3), {VECTORS: vectors})
    table = torch.cat([model.bert.embeddings.word_embeddings.weight.detach(), vectors])
    leaf = table.requires_grad_()
    ids, labels = torch.tensor(tensors["input_ids"]), torch.tensor(tensors["labels"])
    logits = model(inputs_embeds=leaf[ids]).logits
    loss = cross_entropy(logits[labels > 0], labels[labels > 0])
    (expected,) = torch.autograd.grad(loss, leaf)
    assert found.loss == pytest.approx(float(loss.detach()), abs=2e-6)
    np.testing.assert_allclose(found.leaves[0], expected[22:], atol=2e-6)


@pytest.fixture
def v1_vocab(golden, shared):
    cases = json.loads((shared / "golden/dev/soft/ptuning_v1_assembly.json").read_text())["cases"]
    words = sorted(cases["bert template (3, 3, 3)"]["vocab"].items(), key=lambda pair: pair[1])
    return [word for word, _ in words] + [f"[X{i}]" for i in range(len(words), 40)]


SUBJECTS = [("paris", "france"), ("new york shire", "usa")]
V1 = Template(
    (Soft("S1", 3), SPACE, Slot(), SPACE, Soft("S2", 3), SPACE, FIELD, SPACE, Soft("S3", 3))
)


def test_p_tuning_reads_the_ids_of_the_release(golden, v1_vocab, shared):
    port = port_of(*bert(golden, "model_v1_bert", v1_vocab), "masked")
    cases = json.loads((shared / "golden/dev/soft/ptuning_v1_assembly.json").read_text())["cases"]
    case = cases["bert template (3, 3, 3)"]
    course = training(port, V1, np.zeros((9, 16), np.float32), SUBJECTS)
    texts = [course.prompt.templates[0].fill({"subject": subject}) for subject in case["subjects"]]
    found = port.white_box.sequences(texts, (("Z", "france"),))
    pseudo = case["pseudo_token_id"]
    assert [[pseudo if i >= 40 else i for i in ids] for ids in found] == case["queries"]


def test_p_tunings_encoder_loss_and_gradients(golden, v1_vocab):
    facts, tensors = golden("ptuning_v1_lama_bert")
    port = port_of(*bert(golden, "model_v1_bert", v1_vocab), "masked")
    encoder = LstmVectors(torch.tensor(tensors["encoder.embedding.weight"]))
    own = {
        k.removeprefix("encoder."): torch.tensor(v)
        for k, v in tensors.items()
        if k.startswith("encoder.")
    }
    encoder.load_state_dict(own)
    vectors = encoder()
    tolerance = facts["tolerance"]
    np.testing.assert_allclose(vectors.detach(), tensors["prompt_vectors"], atol=tolerance)
    course = training(port, V1, tensors["prompt_vectors"], SUBJECTS)
    found = course.gradients(range(2), {VECTORS: vectors})
    assert found.loss == pytest.approx(facts["loss"], abs=tolerance)
    np.testing.assert_allclose(found.leaves[0], tensors["grad_prompt_vectors"], atol=tolerance)
    vectors.backward(found.leaves[0])
    for name, parameter in encoder.named_parameters():
        expected = tensors[f"grad_encoder.{name}"]
        np.testing.assert_allclose(parameter.grad, expected, atol=tolerance)


def test_p_tunings_causal_loss_is_read_at_the_answer(golden, v1_vocab):
    """The release reads it one place before, so that its last vector never gets a gradient."""
    facts, tensors = golden("ptuning_v1_lama_gpt2")
    model_facts, weights = golden("model_v1_gpt2")
    known = GPT2Config().to_dict()
    keys = {k: v for k, v in model_facts["config"].items() if k in known and k[:1] != "_"}
    drop = ("transformers_version", "model_type")
    model = GPT2LMHeadModel(GPT2Config(**{k: v for k, v in keys.items() if k not in drop}))
    model.load_state_dict({k: torch.tensor(v) for k, v in weights.items()}, strict=False)
    model.tie_weights()
    names = [word.replace("\u0120", "\u2581") for word in v1_vocab]
    tokenizer = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=True)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", bos_token="[CLS]", eos_token="[SEP]"
    )
    port = port_of(model.eval(), fast, "causal")
    template = Template((Soft("S1", 3), SPACE, FIELD, SPACE, Soft("S2", 3), SPACE, Slot()))
    vectors = torch.tensor(tensors["prompt_vectors"])
    course = training(port, template, vectors.numpy(), SUBJECTS)
    found = course.gradients(range(2), {VECTORS: vectors})

    embeds = torch.tensor(tensors["input_embeds"])
    mask = torch.tensor(tensors["attention_mask"])
    logits = model(inputs_embeds=embeds, attention_mask=mask).logits
    np.testing.assert_allclose(logits.detach(), tensors["logits"], atol=facts["tolerance"])
    logits = model(inputs_embeds=embeds).logits  # there [UNK] is padding too, and not seen
    last = logits[torch.arange(2), torch.tensor([6, 8])]
    loss = cross_entropy(last, torch.tensor(facts["object_ids"])).detach()
    assert found.loss == pytest.approx(float(loss), abs=2e-6)
    assert facts["grad_row_norms"][-1] == 0
    assert found.leaves[0].norm(dim=1).min() > 1e-4


class RowsAsHead(torch.nn.Module):
    """PTR's: words' rows of the embedding times the hidden state, without a head of its own."""

    def __init__(self, embedding):
        super().__init__()
        self.decoder = torch.nn.Linear(*reversed(embedding.weight.shape), bias=False)
        self.decoder.weight = embedding.weight

    def forward(self, states, **_more):
        return self.decoder(states)


def ptr_port(golden):
    """The release's tiny model; its words are w3, w4 ..."""
    _, weights = golden("model_ptr")
    config = RobertaConfig(
        **golden("model_optiprompt")[0]["config"]
        | {"vocab_size": 37, "max_position_embeddings": 40},
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
    )
    model = RobertaForMaskedLM(config)
    model.roberta.load_state_dict({k: torch.tensor(v) for k, v in weights.items()}, strict=False)
    model.lm_head = RowsAsHead(model.roberta.embeddings.word_embeddings)
    names = ["<s>", "<pad>", "</s>", *(f"w{i}" for i in range(3, 35)), "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", mask_token="<mask>",
        cls_token="<s>", sep_token="</s>",
    )  # fmt: skip
    return port_of(model.eval(), fast, "masked")


def test_ptrs_tokens_between_two_slots(golden):
    """Label scores are the sums over slots, and their loss is the release's second part."""
    facts, tensors = golden("ptr_model")
    port = ptr_port(golden)
    extra = torch.tensor(tensors["extra"])[1:4]
    hidden = torch.relu(
        extra @ torch.tensor(tensors["mlp.0.weight"]).T + torch.tensor(tensors["mlp.0.bias"])
    )
    rows = hidden @ torch.tensor(tensors["mlp.2.weight"]).T + torch.tensor(tensors["mlp.2.bias"])
    vectors = Vectors.of(rows.numpy(), port.info.sha256)
    last = Field("tail")
    template = Template(
        (
            Field("head"),
            SPACE,
            Slot("Z1"),
            SPACE,
            Soft("S", 3, vectors),
            SPACE,
            Slot("Z2"),
            SPACE,
            last,
        )
    )
    texts = [
        template.fill({"head": a, "tail": b}) for a, b in (("w20 w21", "w5"), ("w22 w23", "w6"))
    ]
    answers = [(("Z1", a), ("Z2", b)) for a, b in (("w7", "w13"), ("w9", "w11"), ("w9", "w12"))]
    scores = np.zeros((2, 3))
    for block in port.run(port.plan(texts, answers, Scoring("independent"))):
        scores[list(block.rows)] = block.log_probs
    ours, theirs = (torch.tensor(each).log_softmax(1) for each in (scores, tensors["final_logits"]))
    np.testing.assert_allclose(ours, theirs, atol=facts["tolerance"])
    of_slots = [
        cross_entropy(torch.tensor(tensors[name]), torch.tensor(right))
        for name, right in (("logits0", [1, 0]), ("logits1", [0, 2]))
    ]
    labels = torch.tensor(tensors["labels"])
    loss = sum(of_slots) / 2 + cross_entropy(ours.float(), labels)
    assert float(loss) == pytest.approx(facts["loss"], abs=2e-6)
