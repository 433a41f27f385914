"""How a network travels: tensors, coordinates of a random subspace, samples of a posterior."""
