"""The random subspace code's subspace, coordinates, and the training of them that the sender does."""
