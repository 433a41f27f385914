"""What a sender alone does, in ordinary float32: no receiver repeats any of it."""
