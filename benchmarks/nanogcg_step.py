"""Seconds per step of nanogcg (GraySwanAI/nanoGCG, release 0.3.0), run as it is released.

For the python of a virtual environment of nanogcg's own: it needs transformers <= 4.47.1. Nothing
of promptsearch is imported.

    python3 -m venv venv-nanogcg
    venv-nanogcg/bin/pip install torch==2.13.0 nanogcg==0.3.0
    venv-nanogcg/bin/python benchmarks/nanogcg_step.py MODEL --prompt "... {optim_str} ..." \
        --target " ..." [--steps 5 --width 32 --topk 256 --tokens 5]

Its own code runs (nanogcg/gcg.py: `GCG.run`), configured to be as fast as it gets: `n_replace=1`,
the prefix cache, all candidates in one forward pass, no early stop, no log. Of what is set here:

- Steps are timed at the loop's progress bar, which is replaced: one turn is the gradient, the
  sampling, the filter, the losses of the candidates, and the choice.
- `filter_ids` drops candidates that do not survive decoding and encoding; `scored` says how many
  were left to score in each step. `--keep-all` switches the filter off.
- Ids that are no token (a model may have more rows than its tokenizer has tokens) are not allowed,
  in addition to nanogcg's own exclusions: the filter would drop each of them.
- The seed is set here: nanogcg, given one, also switches to deterministic algorithms, which took
  some 8% longer on two CPU cores.
"""

import argparse
import importlib.metadata
import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

import nanogcg.gcg as gcg  # type: ignore[import-not-found]
import torch
import transformers

TRIVIAL = "{% for m in messages %}{{ m['content'] }}{% endfor %}"


def main() -> None:
    given = arguments()
    torch.set_num_threads(given.threads)
    model, tokenizer = opened(given.model)
    attack = gcg.GCG(model, tokenizer, configuration(given))
    attack.not_allowed_ids = torch.cat([attack.not_allowed_ids, beyond(model, tokenizer)])
    seconds, scored, losses = watched(attack)
    transformers.set_seed(given.seed)
    result = attack.run(given.prompt, given.target)
    tokens = tokenizer(attack.config.optim_str_init, add_special_tokens=False)["input_ids"]
    found = {
        "seconds": seconds,
        "scored": scored[1:],  # the first is the start
        "losses": result.losses,
        "start_loss": losses[0],  # -log p of a target of one token, in nats
        "width": given.width,
        "tokens": {"before": attack.before_embeds.size(1), "optimised": len(tokens)}
        | {"after": attack.after_embeds.size(1), "target": attack.target_ids.size(1)},
        "threads": torch.get_num_threads(),
        "nanogcg": importlib.metadata.version("nanogcg"),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    print(json.dumps(found))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a folder with a causal model and its tokenizer")
    parser.add_argument("--prompt", required=True, help="a text that holds {optim_str}")
    parser.add_argument("--target", required=True)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--width", type=int, default=32, help="candidates a step")
    parser.add_argument("--topk", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=5, help="tokens to optimise")
    parser.add_argument("--keep-all", action="store_true", help="no filter: score all candidates")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def opened(folder: str) -> tuple[Any, Any]:
    """The model in float32, and its tokenizer by its file.

    transformers 5 writes a class name of its own into the tokenizer's settings, which the
    automatic class of 4 does not know.
    """
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(
        folder, torch_dtype=torch.float32, local_files_only=True
    )
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    tokenizer.chat_template = tokenizer.chat_template or TRIVIAL
    return model.eval(), tokenizer


def configuration(given: argparse.Namespace) -> Any:
    return gcg.GCGConfig(
        num_steps=given.steps,
        optim_str_init=" ".join(["x"] * given.tokens),
        search_width=given.width,
        batch_size=None,  # all at once
        topk=given.topk,
        n_replace=1,
        use_prefix_cache=True,
        filter_ids=not given.keep_all,
        early_stop=False,
        seed=None,
        verbosity="ERROR",
    )


def beyond(model: Any, tokenizer: Any) -> torch.Tensor:
    return torch.arange(len(tokenizer), model.get_input_embeddings().num_embeddings)


def watched(attack: Any) -> tuple[list[float], list[int], list[float]]:
    """Seconds a step; rows a call of the scorer, and the best loss. All are filled as it runs."""
    seconds: list[float] = []
    scored: list[int] = []
    losses: list[float] = []
    score = attack._compute_candidates_loss_original

    def timed(steps: Iterable[int]) -> Iterator[int]:
        for step in steps:
            start = time.perf_counter()
            yield step
            seconds.append(time.perf_counter() - start)

    def counted(search_batch_size: int, input_embeds: torch.Tensor) -> Any:
        found = score(search_batch_size, input_embeds)
        scored.append(len(input_embeds))
        losses.append(found.min().item())
        return found

    gcg.tqdm = timed
    gcg.logger.setLevel("ERROR")
    attack._compute_candidates_loss_original = counted
    return seconds, scored, losses


if __name__ == "__main__":
    main()
