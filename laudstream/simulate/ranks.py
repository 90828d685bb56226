"""Order of what happens at the same instant; events come after all of it (A5)."""

CONTROL, ROWS, HANDOFFS, DELIVERIES = range(4)
