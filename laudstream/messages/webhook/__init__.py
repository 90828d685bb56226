"""Messages that are calls of somebody's address: their templates, and the calls that they become."""
