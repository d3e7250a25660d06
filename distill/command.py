"""What every command shares: one sentence instead of a traceback, and Hydra's errors in words."""

import difflib
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from distill.errors import UserError, UserNote

FAILED = 2
INTERRUPTED = 130
GROUPS = (
    "teacher",
    "student",
    "personalizer",
    "distill",
    "data",
    "rig",
    "audio",
    "budget",
    "trainer",
    "logger",
    "experiment",
)


def guarded(work: Callable[[], Any]) -> int:
    """Run a command; a user's mistake becomes one sentence on standard error and status 2."""
    told = set[str]()

    def tell(message: Warning | str, category: type[Warning], *where: Any) -> None:
        if not issubclass(category, UserNote):
            return others(message, category, *where)
        if str(message) not in told:
            told.add(str(message))
            sys.stderr.write(f"note: {message}\n")

    others, warnings.showwarning = warnings.showwarning, tell
    try:
        work()
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the same command continues where it stopped\n")
        return INTERRUPTED
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        sys.stderr.write(f"error: {error.strerror or error}{where}\n")
        return FAILED
    finally:
        warnings.showwarning = others
    return 0


def config_folder() -> Path:
    """Return the folder of YAML files."""
    return Path(str(files("configs")))


def hydra_main(name: str, job: Callable[[dict[str, Any]], Any], arguments: Sequence[str]) -> None:
    """Compose config `name` from command-line `arguments` and call `job` with plain containers.

    Raises:
        UserError: A key, group or option is unknown; the sentence names the nearest valid one.
    """
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(help_text(config_folder()))
        return
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException
    from hydra.types import RunMode
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    failed: list[UserError] = []
    here = os.getpid()

    def call(config: DictConfig) -> None:
        if failed:
            return
        plain: dict[str, Any] = OmegaConf.to_container(  # type: ignore[assignment]
            config, resolve=True, throw_on_missing=True
        )
        hydra_config = HydraConfig.get()
        if hydra_config.mode == RunMode.MULTIRUN:
            plain["run"] = sweep_member(plain["run"], hydra_config.overrides.task, arguments)
        try:
            job(plain)
        except UserError as error:  # raised below: Hydra would print a preamble of its own
            if os.getpid() != here:  # a launcher runs this job in a process of its own
                raise
            failed.append(error)

    os.environ["HYDRA_FULL_ERROR"] = "1"  # exceptions reach `guarded` instead of sys.exit
    resolve = ["--resolve"] if "--cfg" in arguments else []
    sys.argv = [sys.argv[0], *resolve, *flags_first(default_budget(arguments))]
    decorated = hydra.main(version_base="1.3", config_path="pkg://configs", config_name=name)
    try:
        decorated(call)()
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(explain(error, arguments, config_folder())) from error
    if failed:
        raise failed[0]


def sweep_member(
    run: dict[str, Any], overrides: Sequence[str], arguments: Sequence[str]
) -> dict[str, Any]:
    """Give every job of a sweep a name and folder of its own: the swept keys and their values."""
    swept = {key for key, _, value in (w.partition("=") for w in arguments) if "," in value}
    suffix = "+".join(w for w in overrides if w.partition("=")[0] in swept) or "default"
    suffix = suffix.replace("/", "_")
    return {**run, "name": f"{run['name']}/{suffix}", "dir": f"{run['dir']}/{suffix}"}


def flags_first(arguments: Sequence[str]) -> list[str]:
    """Move `key=value` words behind the flags; Hydra takes them in one piece only."""
    return sorted(arguments, key=lambda word: "=" in word and not word.startswith("-"))


def default_budget(arguments: Sequence[str]) -> list[str]:
    """Ask for the full budget where there is a CUDA device and the user names no budget."""
    named = any(word.startswith(("budget=", "+budget=")) for word in arguments)
    if named or not has_cuda():
        return list(arguments)
    return [*arguments, "budget=full"]


def has_cuda() -> bool:
    """Ask the driver for a device without importing torch."""
    import ctypes

    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int()
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 < count.value


def options(folder: Path, group: str) -> dict[str, str]:
    """Return the options of a config group with their one-line descriptions."""
    return {path.stem: describe(path) for path in sorted((folder / group).glob("*.yaml"))}


def describe(path: Path) -> str:
    """Return the first comment line of a YAML file that is not a Hydra directive."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and "@package" not in line:
            return line.lstrip("# ").strip()
    return ""


def help_text(folder: Path) -> str:
    """Return all config groups and options with their descriptions."""
    lines = [
        "python -m distill.run [group=option ...] [key=value ...]",
        "",
        describe(folder / "run.yaml"),
        "",
        "  run.dir=PATH    where the run is written; the same command continues a stopped run",
        "  seed=N          seed of data, training and sampling",
        "  --cfg job       print the resolved config and stop",
        "  --multirun      run all combinations of comma-separated values",
        "",
    ]
    for group in GROUPS:
        lines.append(f"{group}=")
        found = options(folder, group)
        width = max(map(len, found))
        lines += [f"  {name:<{width}}  {text}" for name, text in found.items()]
    return "\n".join(lines) + "\n"


def explain(error: Exception, arguments: Sequence[str], folder: Path) -> str:
    """Turn a Hydra or OmegaConf error into one sentence that names the nearest valid word."""
    for word in arguments:
        key, equals, value = word.lstrip("+~").partition("=")
        if not equals:
            continue
        if key in GROUPS:
            known = options(folder, key)
            wrong = [v for v in value.split(",") if v not in known and v not in ("null", "")]
            if wrong:
                return f"{key}={wrong[0]} is unknown; {nearest(wrong[0], known)}"
        elif (known_keys := all_keys(arguments, folder)) and key not in known_keys:
            return f"option {key!r} is unknown; {nearest(key, known_keys)}"
    missing = getattr(error, "full_key", None)
    text = " ".join(str(error).split("\n")[0].split())
    if "Missing mandatory value" in str(error) or "MissingMandatory" in type(error).__name__:
        return f"{missing} has no default; set it on the command line as {missing}=VALUE"
    return text


def nearest(word: str, known: Any) -> str:
    """Return a hint that names the closest known word, or all of them when there are few."""
    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.0)
    hint = f"did you mean {close[0]}?" if close else "nothing is close"
    return hint + (f" (one of {', '.join(words)})" if len(words) <= 12 else " (see --cfg job)")


def all_keys(arguments: Sequence[str], folder: Path) -> list[str]:
    """Return every dotted key of the config that the valid group choices among `arguments` give."""
    chosen = [
        word
        for word in arguments
        if (parts := word.partition("="))[0] in GROUPS and parts[2] in options(folder, parts[0])
    ]
    return dotted(_compose(chosen, folder))


def composed(words: Sequence[str], *, strict: bool = True) -> dict[str, Any]:
    """Return the config that `distill.run` gets from command-line words, as plain containers.

    Args:
        words: Such as `teacher=tiny` or `seed=1`.
        strict: Whether a value without default is an error; else it is `???`.
    """
    from omegaconf import OmegaConf

    config = _compose(words, config_folder())
    return OmegaConf.to_container(  # type: ignore[return-value]
        config, resolve=True, throw_on_missing=strict
    )


def _compose(words: Sequence[str], folder: Path) -> Any:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(folder), version_base="1.3"):
        return compose("run", overrides=list(words))


def dotted(config: Any, prefix: str = "") -> list[str]:
    """Return the dotted keys of a nested config, sections included, values unresolved."""
    from omegaconf import DictConfig

    keys = []
    for key in config:
        keys.append(f"{prefix}{key}")
        node = config._get_node(key)
        if isinstance(node, DictConfig) and not node._is_interpolation():
            keys += dotted(node, f"{prefix}{key}.")
    return keys
