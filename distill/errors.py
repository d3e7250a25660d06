"""What a user should hear of, in single sentences: mistakes to mend, and things to know."""


class UserError(Exception):
    """A mistake in input, data or environment: names the value, the limit and the way out."""


class UserNote(UserWarning):
    """Something left out or put right: commands print it once, and go on."""
