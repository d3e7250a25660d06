"""The one exception that means "the user can mend this"; commands print it as a single sentence."""


class UserError(Exception):
    """A mistake in input, data or environment: names the value, the limit and the way out."""
