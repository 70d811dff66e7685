"""``LiveActivity``, which puts all of it on an app."""
