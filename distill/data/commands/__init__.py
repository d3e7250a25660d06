"""Subcommands of `python -m distill.data`: a module each, with `add(subparsers)` and `run(args)`.

`args.words` are the words of a config that the command line holds, such as `data=vocaset`.
"""
