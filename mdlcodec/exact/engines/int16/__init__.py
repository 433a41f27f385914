"""The int16 engine: block integers multiplied as they are, in tiles, without gathering patches.

Images are quantised into a zero-padded int16 copy, and the microkernel reads every patch where it lies; the
other operand is packed into panels of columns. Sums stay below 2^31: one operand of every product has a
single base-128 digit, its own or one split off, and at most 4096 terms are added before they move to float64.

`operands` makes what `products` multiplies with the tiles of `microkernel`; `engine` puts them together.
"""
