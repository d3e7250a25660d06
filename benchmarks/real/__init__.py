"""Real recordings: where they lie, what is known of them, and how a model does on them."""
