"""The exact functions over torch's tensors on any device: single operations, one rounding each, never fused.

Every operation is one that IEEE-754 defines (add, subtract, multiply, divide, compare, convert, square root), a
move, or one on integers. Where torch has its own ideas it is asked in a way that leaves it none: divisors are
tensors, since torch on CUDA multiplies by the reciprocal of a number; powers of two are made of bits.
"""
