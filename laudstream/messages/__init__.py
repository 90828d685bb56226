"""Messages: send requests, templates, deliveries."""
