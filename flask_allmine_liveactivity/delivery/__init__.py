"""Claims pending sessions, pushes, settles: the fan-out and what it is made of."""
