"""The instruction set that figures are kept by."""

import pytest

from benchmarks.instructions import UNKNOWN, instruction_set


@pytest.mark.parametrize(
    ("line", "name"),
    [
        pytest.param("flags\t\t: fpu sse4_2 avx avx2", "avx2", id="AVX2 only"),
        pytest.param("flags\t\t: avx2 avx512f avx512bw", "avx512", id="AVX-512"),
        pytest.param("flags\t\t: avx2 avx512f avx512_vnni avx512_bf16", "avx512-vnni", id="with VNNI"),
        pytest.param("flags\t\t: avx2 avx512f avx512_vnni amx_tile amx_int8", "amx", id="AMX"),
        pytest.param("Features\t: fp asimd asimddp i8mm", "neon-i8mm", id="ARM"),
        pytest.param("flags\t\t: fpu sse4_2", UNKNOWN, id="old"),
        pytest.param("model name: avx2", UNKNOWN, id="no flags"),
    ],
)
def test_the_best_set_of_a_processor_names_it(tmp_path, line, name):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{line}\nbugs\t\t: amx_int8\n")
    assert instruction_set(tmp_path / "cpuinfo") == name


def test_where_nothing_is_told_it_is_unknown(tmp_path):
    assert instruction_set(tmp_path / "none") == UNKNOWN
