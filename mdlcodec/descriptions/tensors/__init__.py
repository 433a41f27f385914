"""Networks as tensors, element by element: the network section."""
