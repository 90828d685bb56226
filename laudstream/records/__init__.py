"""What is on the wire: one module per topic family."""
