"""Statistics, and the numbers that tables, figures and claims share."""
