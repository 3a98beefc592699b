"""Training of the Transformer: data, loss, optimisers, checkpoints and the loop."""
