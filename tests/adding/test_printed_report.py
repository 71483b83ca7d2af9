from graphs import cumulated, doubled_and_summed

from app.__main__ import main


def added(capsys, monkeypatch, tmp_path, *arguments: str) -> list[str]:
    monkeypatch.setenv("TESSERA_MODELS_DIR", str(tmp_path / "models"))
    assert main(["models", "add", *arguments, "--name", "mine"]) == 0
    return capsys.readouterr().out.splitlines()


def test_the_signature_is_printed_and_that_rows_share_batches(capsys, monkeypatch, tmp_path):
    file = doubled_and_summed(tmp_path / "two.onnx")
    assert added(capsys, monkeypatch, tmp_path, str(file)) == [
        "published mine version 1, a model of tensors",
        "  input x: FP32 [any, 3]",
        "  output doubled: FP32 [any, 3]",
        "  output sum: FP32 [any]",
        "rows of all requests share batches",
    ]


def test_it_is_printed_why_rows_do_not_share_batches(capsys, monkeypatch, tmp_path):
    file = cumulated(tmp_path / "cumulated.onnx")
    assert added(capsys, monkeypatch, tmp_path, str(file))[-1] == (
        "each request is run by itself: CumSum mixes rows, in its output y"
    )


def test_a_fault_is_one_sentence_and_a_status(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TESSERA_MODELS_DIR", str(tmp_path / "models"))
    file = doubled_and_summed(tmp_path / "two.onnx")
    assert main(["models", "add", str(file), "--name", "mine", "--size", "width=3"]) == 1
    error = capsys.readouterr().err
    assert error == "error: --size width=3: no dimension that varies is called so; there are: n\n"
