"""Networks as integer coordinates in a random affine subspace that the seed names."""
