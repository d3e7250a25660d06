from distill.command import composed
from distill.folder import CONFIG
from distill.pipeline.opened import OpenedRun
from distill.pipeline.runs import RunDirectory
from tests.toys import toy_space


def test_compressed_forms_of_every_student_are_found_under_its_steps(tmp_path):
    for name in ("student-onnx-int8", "round_03_4to2-safetensors-fp16", "round_04_2to1-onnx"):
        (tmp_path / name).mkdir()
        (tmp_path / name / CONFIG).write_text("{}")
    (tmp_path / "round_02_8to4-unfinished").mkdir()
    opened = OpenedRun(
        config=composed([]), hashes={}, space=toy_space(), run=RunDirectory(tmp_path)
    )
    assert opened.exports() == [
        ("student-2-safetensors-fp16", tmp_path / "round_03_4to2-safetensors-fp16", 2),
        ("student-1-onnx", tmp_path / "round_04_2to1-onnx", 1),
        ("student-2-onnx-int8", tmp_path / "student-onnx-int8", 2),
    ]
