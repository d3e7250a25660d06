import subprocess
import sys
import warnings

import pytest

from distill import command
from distill.errors import UserError, UserNote


def run(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "distill.run", *words], capture_output=True, text=True, check=False
    )


def test_help_lists_every_group_and_option_with_its_description():
    text = command.help_text(command.config_folder())
    for group in command.GROUPS:
        assert f"{group}=" in text
        for option, description in command.options(command.config_folder(), group).items():
            assert option in text and len(description) > 10 and description in text


def test_every_folder_of_configs_is_a_known_group():
    folders = {p.name for p in command.config_folder().iterdir() if p.is_dir()}
    assert folders - {"__pycache__", "hydra"} == set(command.GROUPS)  # hydra: its own groups


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("teacher=bigg", "did you mean big?"),
        ("studnt=small", "did you mean student"),
        ("budget.clip=3", "did you mean budget.clips?"),
        ("distill.weights.pcc=0", "did you mean distill.weights.pc?"),
        ("experiment=no_personna", "did you mean no_persona?"),
    ],
)
def test_unknown_words_name_the_nearest_valid_one(word, expected):
    done = run(word)
    assert done.returncode == command.FAILED
    assert expected in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_value_without_default_is_asked_for():
    done = run("data=facegood", "rig=ict")
    assert done.returncode == command.FAILED and "data.root" in done.stderr


def test_cfg_job_prints_the_resolved_config():
    done = run("--cfg", "job", "run.name=abc")
    assert done.returncode == 0 and "dir: runs/abc" in done.stdout and "${" not in done.stdout


def test_heavy_packages_are_not_imported_by_distill_or_help():
    code = (
        "import sys, distill; from distill.run import main; sys.argv = ['run', '--help']; main();"
        "heavy = {'torch', 'numpy', 'transformers', 'hydra'} & set(sys.modules);"
        "sys.stderr.write(','.join(sorted(heavy)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "" and "teacher=" in done.stdout


def test_sweep_members_get_names_and_folders_of_their_own():
    typed = ["run.dir=runs/a", "seed=0,1", "student=tiny,small", "teacher=big"]
    job = ["run.dir=runs/a", "seed=1", "student=tiny", "teacher=big"]
    member = command.sweep_member({"name": "a", "dir": "runs/a"}, job, typed)
    assert member == {"name": "a/seed=1+student=tiny", "dir": "runs/a/seed=1+student=tiny"}


def test_a_users_mistake_is_one_sentence_and_a_status(capsys):
    def work():
        raise UserError("the value 3 is above 2; use less")

    assert command.guarded(work) == command.FAILED
    assert capsys.readouterr().err == "error: the value 3 is above 2; use less\n"


def test_a_note_is_one_sentence_once_and_no_failure(capsys):
    def work():
        for _ in range(2):
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.warn("3 clips are left out", UserNote, stacklevel=1)

    before = warnings.showwarning
    assert command.guarded(work) == 0 and warnings.showwarning is before
    assert capsys.readouterr().err == "note: 3 clips are left out\n"


def test_a_full_disk_is_one_sentence(capsys):
    def work():
        raise OSError(28, "No space left on device", "runs/a/model.safetensors")

    assert command.guarded(work) == command.FAILED
    assert "No space left on device" in capsys.readouterr().err


def test_flags_may_stand_between_overrides():
    words = ["teacher=big", "--cfg", "job", "seed=1"]
    assert command.flags_first(words) == ["--cfg", "job", "teacher=big", "seed=1"]
