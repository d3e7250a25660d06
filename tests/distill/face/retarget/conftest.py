import numpy as np
import pytest

from distill.face.retarget import Mesh, Shapes, Source, marks_of, retarget, source_of
from distill.face.retarget.landmarks import NAMES, Marks
from distill.face.rigs import load_rig


@pytest.fixture(scope="session")
def source() -> Source:
    return source_of(load_rig("arkit"))


@pytest.fixture(scope="session")
def twin(source: Source) -> Mesh:
    """The very skin of the source."""
    return Mesh(points=source.points, triangles=source.triangles)


@pytest.fixture(scope="session")
def marks(source: Source) -> Marks:
    found = {name: int(source.landmarks[number]) for name, number in NAMES.items()}
    return marks_of(found, source.points)


@pytest.fixture(scope="session")
def made(source: Source, twin: Mesh, marks: Marks) -> Shapes:
    return retarget(source, twin, marks)


@pytest.fixture(scope="session")
def turn() -> np.ndarray:
    """An oblique rotation."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("xyz", (25, -70, 130), degrees=True).as_matrix()
