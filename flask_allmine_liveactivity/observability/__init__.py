"""Subscribers to the signals, for what others look at: each is an extra of its own."""
