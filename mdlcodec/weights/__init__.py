"""Trained networks as small files: tensors, what is written of them, and the network section."""
