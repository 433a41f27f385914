"""Networks: what they are made of, and how both sides compute them exactly."""
