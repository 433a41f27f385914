"""Predictions put together: the switch distribution, temperatures, pools, logistic mixing of bits."""
