"""Training that sender and receiver repeat: presets, loop, optimisers, augmentation, calibration."""
