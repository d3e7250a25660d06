"""Words of a config on the command line of a subcommand."""

from collections.abc import Sequence
from typing import Any

from distill.command import composed, config_folder, explain
from distill.errors import UserError


def configured(words: Sequence[str]) -> dict[str, Any]:
    """Return the config that words such as `data=vocaset data.root=PATH` give.

    Raises:
        UserError: A word is unknown or a value is missing; the sentence names the nearest one.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        return composed(words)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(explain(error, words, config_folder())) from error
