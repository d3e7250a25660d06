"""A server that moves faces while people speak, and the page that shows one.

`python -m distill.live` starts it. The room is at the top with the other commands: it opens
models as any user would (`distill.load`) and adds nothing to how they move.
"""
