"""The text of a certificate."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from promptsearch.commands.shared.console import answers_text, difference, print_table
from promptsearch.commands.shared.terminal_text import echo, in_one_line
from promptsearch.evaluation.certificate.verdict import Verdict
from promptsearch.evaluation.report.number_format import count, listing
from promptsearch.prediction.selection import expected_difference


def print_certificate(document: Mapping[str, Any]) -> None:
    """Print the verdict first, then its evidence."""
    for line in [*_gain(document), *_looks(document), *_doubts(document)]:
        echo(in_one_line(line))
    _print_rivals(document)
    for name, why in document["baselines"]["left_out"].items():
        echo(f"left out: {name} ({why})")
    if document["proposals"] == "as given":
        for line in _as_given(document):
            echo(line)


def _as_given(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what else is known where the prompts were not searched anew for each fold."""
    yield (
        "the prompts are taken as they are: where the search saw these rows as it made them, "
        "only --again tells what it is worth"
    )
    if (expected := document["expected"]) and document["rows"]["split"] == "dev":
        metric = document["metric"]
        rows = [
            (expected.get("ensemble"), "its ensemble"),
            (expected.get("best"), "its best prompt"),
        ]
        gains = [
            f"{difference(named)} of {name}"
            for row, name in rows
            if row and (named := _named_difference(row.get("vs_manual") or {}, metric))
        ]
        if gains:
            yield (
                f"on rows that had no part in the search's own choice the gain is "
                f"{' and '.join(gains)}"
            )


def _named_difference(differences: Mapping[str, Any], metric: str) -> Mapping[str, Any]:
    """Return a metric's `delta` and `ci95` of the differences by metric; empty without it."""
    if (known := expected_difference(differences, metric)) is None:
        return {}
    return dict(zip(("delta", "ci95"), known, strict=True))


def _gain(document: Mapping[str, Any]) -> Iterator[str]:
    gain, rows = document["gain"], document["rows"]
    yield f"verdict: {Verdict(gain['verdict'], gain['more_rows'])}{but_better(document['better'])}"
    yield (
        f"{document['metric']} {gain['manual']:.3f} -> {gain['winner']:.3f}, {difference(gain)}, "
        f"of winners judged on rows that did not choose them"
    )
    among = count(document["prompts"], "prompt")
    if document["proposals"] == "anew":
        among = f"{document['folds']} new searches"
    yield (
        f"{document['task']} · {rows['split']}, {rows['n']} rows · {among} · chosen by "
        f"{document['chosen_by']} · {document['folds']} folds x {document['repeats']}"
    )


def but_better(better: Sequence[Mapping[str, Any]]) -> str:
    """Return `, but TF-IDF scores 0.588`: the rivals that score more than the winner."""
    if not better:
        return ""
    first, *others = (f"{row['score']:.3f}" for row in better)
    names = [str(row["name"]) for row in better]
    pairs = zip(names[1:], others, strict=True)
    return f", but {listing([f'{names[0]} scores {first}', *(f'{n} {s}' for n, s in pairs)])}"


def _looks(document: Mapping[str, Any]) -> Iterator[str]:
    seems, ties = document["on_the_rows_that_chose"], document["ties"]
    if seems is None:
        return
    yield f"on the rows that chose it, the winner seems to gain {difference(seems)}: {_best(seems)}"
    if ties["at_top"] > 1:
        of = f"{ties['at_top']} of {document['prompts']:,} prompts"
        yield f"{of} share the best score on all rows"
    yield (
        "all folds chose the same winner"
        if ties["winners"] == 1
        else f"the folds chose {ties['winners']} different winners, one of them in "
        f"{ties['most_often']:.0%} of the cases"
    )


def _best(seems: Mapping[str, Any]) -> str:
    best, answers = seems["best"], seems["best"].get("verbalizer")
    return f"{best['template']} · {answers_text(answers)}" if answers else str(best["template"])


def _doubts(document: Mapping[str, Any]) -> Iterator[str]:
    if draws := document["draws"]:
        yield (
            f"{draws['shots']} rows of each label choose, {draws['draws']} draws: "
            f"{draws['delta']:+.3f} on average, 90% of them from {draws['from']:+.3f} to "
            f"{draws['to']:+.3f}, above 0 in {draws['gained']:.0%}"
        )
    shuffled = document["shuffled_labels"]
    if isinstance(shuffled, str):
        yield f"no shuffled labels: {shuffled}"
    elif shuffled:
        yield (
            f"labels shuffled {shuffled['times']} times: such a gain has p = {shuffled['p']:.3f}; "
            f"the winner then seems to gain {shuffled['seeming']:+.3f} on the rows that chose it"
        )


def _print_rivals(document: Mapping[str, Any]) -> None:
    gain = document["gain"]
    rivals = {"manual": {**gain, "score": gain["manual"]}}
    if random := document["random"]:
        rivals[f"best of {count(random['prompts'], 'random prompt')}"] = random
    rivals |= {name: row for name, row in document["baselines"].items() if name != "left_out"}
    rows = [[f"{row['score']:.3f}", difference(row), name] for name, row in rivals.items()]
    print_table([document["metric"], "winner minus it [ci95]", "rival"], rows)
