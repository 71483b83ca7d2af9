import subprocess
import sys
from threading import Thread

from coverage import Coverage
from measuring import CHILDREN_ARE_MEASURED, not_measured

SAY_WHO_TRACES = "import sys; print(sys.gettrace())"


def test_what_is_not_measured_is_not_traced_whoever_measures(monkeypatch):
    monkeypatch.setenv(CHILDREN_ARE_MEASURED, "{}")
    traced = []
    with Coverage(data_file=None).collect(), Coverage(data_file=None).collect():
        tracer = sys.gettrace()
        with not_measured():
            assert sys.gettrace() is None
            thread = Thread(target=lambda: traced.append(sys.gettrace()))
            thread.start()
            thread.join()
            child = subprocess.run(
                [sys.executable, "-c", SAY_WHO_TRACES], stdout=subprocess.PIPE, text=True, check=True
            )
        assert sys.gettrace() is tracer
    assert (traced, child.stdout) == ([None], "None\n")
