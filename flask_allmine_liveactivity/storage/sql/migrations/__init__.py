"""Alembic's scripts: one for each version of the tables, the oldest first.

A revision's id is a ``SchemaVersion``: ``number.oldest``. ``upgrade(op, schema)`` is given
Alembic's operations and the schema in which the host has our tables, or ``None``: ``alembic.op`` is
one for the whole process, and may be the host's at that moment. Each step looks first and leaves
what is there, since MariaDB commits with each statement: one that was interrupted is begun again.

There is no way down. What a step adds stands in no older version's way; where it would, the step's
id says who is the ``oldest`` that can go on.
"""
