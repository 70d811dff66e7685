"""What a process is to us: forks, and what was opened in it."""
