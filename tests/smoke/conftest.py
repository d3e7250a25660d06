import pytest

from tests.smoke.runs import finish


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """One corpus for all runs of the session."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def finished(tmp_path_factory, cache):
    """A finished run of the main job."""
    folder = tmp_path_factory.mktemp("runs") / "main"
    finish(folder, cache, "benchmark.video=true")
    return folder
