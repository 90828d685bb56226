"""What the projector makes of decisions, deliveries and writes, and how it puts it into PostgreSQL."""
