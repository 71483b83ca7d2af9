"""python genai_weights.py HUB TARGET PACKAGES: the hub's folder as onnxruntime-genai's own builder makes it a graph.

Runs where torch and transformers are; onnxruntime-genai itself is in PACKAGES. 4 bits: beside fp32, its builder has
no other precision for CPUs.
"""

import runpy
import sys

if __name__ == "__main__":
    source, target, packages = sys.argv[1:]
    sys.path.append(packages)
    sys.argv[1:] = ["-i", source, "-o", target, "-p", "int4", "-e", "cpu", "-c", f"{target}.cache"]
    runpy.run_module("onnxruntime_genai.models.builder", run_name="__main__")
