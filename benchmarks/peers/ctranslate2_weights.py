"""python ctranslate2_weights.py HUB TARGET PACKAGES: the model of the hub's folder in CTranslate2's own files, int8.

Runs where torch and transformers are; ctranslate2 itself is in PACKAGES.
"""

import sys

if __name__ == "__main__":
    source, target, packages, *precision = sys.argv[1:]
    sys.path.append(packages)
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(source, low_cpu_mem_usage=False).convert(
        target, quantization=precision[0] if precision else "int8"
    )
