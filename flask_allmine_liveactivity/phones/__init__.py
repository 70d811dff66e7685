"""Who is told: phones and their registration."""
