"""The recipe of the built-in model: a masked-LM head on a MiniLM encoder, all weights trained,
float32 masters and a bfloat16 copy for the passes. Kept as it was run.

    python scripts/train_mini.py ENCODER_DIR OUT_DIR SECONDS WIKI.txt REVIEWS.txt

The texts are plain, a paragraph a line.
"""

import copy
import sys
import time

import torch
from torch.nn import functional as F
from transformers import AutoTokenizer, BertForMaskedLM

encoder, out, seconds, *texts = sys.argv[1:]
LENGTH, BATCH, MASKED = 64, 64, 0.2
torch.manual_seed(0)
tokenizer = AutoTokenizer.from_pretrained(encoder)
CLS, SEP, MASK = tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.mask_token_id


def stream(path: str) -> torch.Tensor:
    with open(path, encoding="utf8") as file:
        lines = [line.strip() for line in file if len(line) > 60]
    ids = tokenizer(lines, add_special_tokens=False, truncation=True, max_length=510)["input_ids"]
    return torch.tensor([i for line in ids for i in (CLS, *line, SEP)], dtype=torch.int32)


streams = [stream(path) for path in texts]
shares = (
    [round(BATCH * 0.8), BATCH - round(BATCH * 0.8)]
    if len(streams) == 2
    else [BATCH // len(streams)] * len(streams)
)


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rows = []
    for ids, n in zip(streams, shares, strict=True):
        start = torch.randint(len(ids) - LENGTH, (n, 1))
        rows.append(ids[start + torch.arange(LENGTH)])
    x = torch.cat(rows).long()  # (text, token)
    x[:, 0], x[:, -1] = CLS, SEP
    chosen = (torch.rand(x.shape) < MASKED) & (x != CLS) & (x != SEP)
    gold, fate = x[chosen], torch.rand(x.shape)
    x = x.clone()
    x[chosen & (fate < 0.85)] = MASK
    noise = chosen & (fate >= 0.85) & (fate < 0.92)
    x[noise] = torch.randint(1000, len(tokenizer), (int(noise.sum()),))
    return x, chosen, gold


master = BertForMaskedLM.from_pretrained(encoder, dtype=torch.float32, attn_implementation="eager")
for module in master.modules():
    if isinstance(module, torch.nn.Dropout):
        module.p = 0.0
with torch.no_grad():
    dense = master.cls.predictions.transform.dense
    dense.weight.copy_(torch.eye(dense.in_features) + 0.01 * torch.randn_like(dense.weight))
    dense.bias.zero_()
    counts = torch.bincount(torch.cat(streams).long(), minlength=len(tokenizer)).float() + 1
    master.cls.predictions.bias.copy_((counts / counts.sum()).log())
fast = copy.deepcopy(master.train()).to(torch.bfloat16)
fast.tie_weights()
pairs = list(zip(master.parameters(), fast.parameters(), strict=True))
named = list(master.named_parameters())
groups = [
    {"params": [p for n, p in named if not n.startswith("cls")], "peak": 4e-4},
    {"params": [p for n, p in named if n.startswith("cls")], "peak": 2e-3},
]
optimizer = torch.optim.AdamW(groups, lr=4e-4, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
start, step = time.time(), 0
while (done := (time.time() - start) / float(seconds)) < 1:
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * min(1, (step + 1) / 150) * max(0.01, 1 - done)
    with torch.no_grad():
        torch._foreach_copy_([b for _, b in pairs], [a for a, _ in pairs])
    x, chosen, gold = batch()
    loss = F.cross_entropy(fast.cls(fast.bert(x).last_hidden_state[chosen]).float(), gold)
    loss.backward()
    for slow, quick in pairs:
        slow.grad = None if quick.grad is None else quick.grad.float()
    fast.zero_grad()
    torch.nn.utils.clip_grad_norm_(master.parameters(), 1.0)
    optimizer.step()
    step += 1
    if step % 100 == 0:
        print(step, f"{loss.item():.3f}", flush=True)
master.eval().half().save_pretrained(out)
tokenizer.save_pretrained(out)
