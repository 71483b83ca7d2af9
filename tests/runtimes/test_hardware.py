from importlib.metadata import version

import pytest

from app.runtimes.hardware import hardware


def test_only_the_libraries_of_the_runtimes_are_told():
    assert hardware("cpu", 2)["onnxruntime"] == version("onnxruntime")
    assert "torch" not in hardware("cpu", 2, ["onnx"])
    assert hardware("cpu", 2, ["onnx", "pytorch"])["torch"] == version("torch")
    assert "onnxruntime" not in hardware("cpu", 2, ["pytorch"])


@pytest.mark.parametrize(("quota", "told"), [(None, None), (1.5, "1.5"), (2.0, "2")])
def test_a_limit_on_processor_time_is_told(monkeypatch, quota, told):
    monkeypatch.setattr("app.runtimes.hardware.cpu_quota", lambda: quota)
    assert hardware("cpu", 2).get("quota") == told
