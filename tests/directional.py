"""The slope of a training's loss along a random direction, by gradients and by differences."""

import torch


def slopes_along(trainer, rows, scale=30, step=1e-3):
    """Return the gradients' slope and the central difference, at `scale` times the start.

    The first values are so small that the loss would hardly be curved there.
    """
    network = trainer.network()
    outputs = {k: scale * v.detach() for k, v in trainer.prompt.outputs(network).items()}
    result = trainer.gradients(rows, outputs)
    generator = torch.Generator().manual_seed(0)
    along = {k: torch.randn(v.shape, generator=generator) for k, v in outputs.items()}

    def loss(by):
        moved = {name: each + by * along[name] for name, each in outputs.items()}
        return trainer.gradients(rows, moved).loss

    slope = sum(float((g * d).sum()) for g, d in zip(result.leaves, along.values(), strict=True))
    return slope, (loss(step) - loss(-step)) / (2 * step)
