"""Time and memory of the scorer as examples grow to 100,000, with a tiny model.

    python benchmarks/scorer_memory.py [--examples 100000] [--prompts 3]

The model is so small that what is measured is everything else: filling, tokenising, planning,
batching, gathering. Judgements (a few numbers an example) are the result, and stay; everything
else must not grow with the number of examples.
"""

import argparse
import time

import torch

from promptsearch import Example, Prompt, Scorer, Scoring, Template, Verbalizer
from promptsearch.bench.memory import watched
from promptsearch.bench.sentences import sentences
from promptsearch.models import LanguageModel
from promptsearch.models.loading.random_models import Size, random_parts

TINY = Size(layers=1, hidden=32, heads=2, feed_forward=64)
TEMPLATES = ("{text} It was [Z].", "{text} All in all , it was [Z].", "[Z] : {text}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--prompts", type=int, default=3, choices=(1, 2, 3))
    options = parser.parse_args()
    model = random_parts("masked", TINY).wrapped()
    answers = Verbalizer.of({"good": "great", "bad": "terrible"})
    prompts = [Prompt(Template.parse(text), answers) for text in TEMPLATES[: options.prompts]]
    measured(model, prompts, 1000)  # warm
    print("| prompts x examples | us a text | peak of the process, MB |")
    print("|---|---|---|")
    for share in (100, 10, 1):
        print(measured(model, prompts, options.examples // share), flush=True)


def measured(model: LanguageModel, prompts: list[Prompt], count: int) -> str:
    given = sentences(min(count, 14_000))
    examples = [
        Example(str(i), {"text": f"{given[i % len(given)]} {i}"}, ("good", "bad")[i % 2])
        for i in range(count)
    ]
    start = time.perf_counter()
    with watched(torch.device("cpu")) as peak:
        judged = Scorer(model, Scoring()).predict(prompts, examples)
    seconds = time.perf_counter() - start
    each = seconds / count / len(prompts) * 1e6
    megabytes = (peak.bytes or 0) / 1e6
    return f"| {len(judged.predictions)} x {count:,} | {each:.0f} | {megabytes:,.0f} |"


if __name__ == "__main__":
    main()
