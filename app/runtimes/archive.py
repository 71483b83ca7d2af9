"""Is the archive of an exported program data, and nothing but data? Knows the format, needs no PyTorch.

`torch.export.load` warns never to give it a file one does not trust, and means it. A `.pt2` archive may hold
pickles and compiled libraries; and its JSON reaches `eval` (symbolic sizes), `getattr` on `torch` (operators),
`import_module` (containers) and generated source (names). So what is allowed is listed here, and all else is
refused: tensors as raw bytes, tensor operators, arithmetic on sizes, plain containers, names that are names.
"""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

PROGRAM = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
CONSTANTS = "data/constants/model_constants_config.json"
SAMPLE_INPUTS = "data/sample_inputs/model.pt"

RECORDS = re.compile(
    "|".join(map(re.escape, (PROGRAM, WEIGHTS, CONSTANTS, SAMPLE_INPUTS)))
    + r"|data/weights/weight_\d+|data/constants/tensor_\d+"
    + r"|archive_format|archive_version|byteorder|\.data/(version|serialization_id)|\.format_version"
)

NAME = re.compile(r"((?!__)\w+(\.(?!__)\w+)*)?")  # dotted identifiers, none of them special to Python; or nothing
OPERATOR = re.compile(
    r"torch\.ops\.(aten|prims)\.(?!__|from_file\b|save\b)\w+\.(?!__)\w+"  # those two open files
    r"|torch\.ops\.aten\.__i?(and|lshift|or|rshift|xor)__\.(Scalar|Tensor)"
    r"|torch\.ops\.higher_order\.(cond|map_impl|scan|while_loop|wrap_with_autocast|wrap_with_set_grad_enabled)"
    r"|torch\.(_sym_sqrt|sym_(float|int|ite|max|min|not|sum))"
    r"|math\.(ceil|floor|trunc)"
    r"|_operator\.(add|and_|eq|floordiv|ge|getitem|gt|le|lshift|lt|mod|mul|ne|neg|or_|pos|pow|rshift|sub|truediv)"
)
ANYTHING = re.compile(r".*", re.DOTALL)  # only ever compared, printed, or handed to an operator as a text
SYMBOL = re.compile(r"(?<=\bSymbol\()'\w+'|(?<=\bFloat\()'[-+.\de]+'")
SIZE_WORD = re.compile(
    r"\d+|[suz]\w?\w?\d+|"  # numbers, symbols
    r"Symbol|Integer|Float|Rational|Add|Mul|Pow|Max|Min|Abs|Mod|floor|ceiling|Eq|Ne|Lt|Le|Gt|Ge|Equality|"
    r"Unequality|StrictLessThan|LessThan|StrictGreaterThan|GreaterThan|And|Or|Not|true|false|True|False|positive|"
    r"nonnegative|nonzero|integer|real|finite|precision|FloorDiv|ModularIndexing|Where|PythonMod|CleanDiv|"
    r"CeilToInt|FloorToInt|CeilDiv|LShift|RShift|PowByNatural|FloatPow|FloatTrueDiv|IntTrueDiv|TruncToFloat|"
    r"TruncToInt|RoundToInt|RoundDecimal|ToFloat|Identity"
)
CONTAINERS = (None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict")

# What a text may be, by the key it stands under; anywhere else it is a name.
TEXTS = {
    "target": OPERATOR,
    "as_operator": OPERATOR,
    "as_string": ANYTHING,
    "as_strings": ANYTHING,
    "guards_code": ANYTHING,  # source code: our loader never asks for it to be run
    "torch_version": ANYTHING,
    "stack_trace": ANYTHING,
    "nn_module_stack": ANYTHING,
    "source_fn_stack": ANYTHING,
    "torch_fn": ANYTHING,
    "from_node": ANYTHING,
    "custom": ANYTHING,
}
OBJECTS = ("as_custom_obj", "custom_obj", "token", "constant_input")


def check_archive(records: Iterable[str], read: Callable[[str], bytes]) -> None:
    """Raises ValueError, in words, at the first thing that is not known to be harmless.

    `records` and `read` must belong to the very reader that will load the archive: two readers of the zip
    format can see two different archives in one file. Sample inputs are the caller's to check.
    """
    for record in records:
        if not RECORDS.fullmatch(record):
            raise ValueError(f"it holds {record!r}, which is no part of a plain exported program")
    for config, prefix in ((WEIGHTS, "weight_"), (CONSTANTS, "tensor_")):
        payloads = json.loads(read(config))
        _check(payloads, config)
        for name, payload in payloads["config"].items():
            if payload["use_pickle"] is not False or not payload["path_name"].startswith(prefix):
                raise ValueError(f"{name} is pickled")
    _check(json.loads(read(PROGRAM)), PROGRAM)


def check_sizes(path: Path, records: Iterable[str]) -> None:
    """Raises ValueError if reading the archive could take more memory than it has bytes.

    `records` are those which the reader that will load it sees.
    """
    with ZipFile(path) as archive:
        found = archive.infolist()
    if {one.filename.partition("/")[2] for one in found} != set(records):
        raise ValueError("two readers see different files in it")
    if packed := next((one.filename for one in found if one.compress_type != ZIP_STORED), None):
        raise ValueError(f"{packed} is compressed, which torch.export.save never does; save the program again")
    if sum(one.file_size for one in found) > path.stat().st_size:
        raise ValueError("its files overlap")


def _check(value: Any, key: str) -> None:
    if isinstance(value, dict):
        for name, one in value.items():
            if name in OBJECTS and one is not None:
                raise ValueError(f"it uses an object that is not a tensor ({name})")
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r:.80} is not a name")
            _check(one, name)
    elif isinstance(value, list):
        for one in value:
            _check(one, key)
    elif isinstance(value, str):
        _check_text(value, key)


def _check_text(text: str, key: str) -> None:
    if key == "expr_str":
        harmless = _is_size(text)
    elif key in ("in_spec", "out_spec"):
        harmless = not text or _is_plain(json.loads(text)[1])
    else:
        harmless = TEXTS.get(key, NAME).fullmatch(text) is not None
    if not harmless:
        raise ValueError(f"{key} is {text!r:.80}, which is not known to be harmless")


def _is_size(expression: str) -> bool:
    """Arithmetic on symbols, as sympy prints it: no attributes, no subscripts, no texts to parse again."""
    rest = SYMBOL.sub("", expression)
    return re.fullmatch(r"[\w\s(),=+*/<>-]*", rest) is not None and all(
        SIZE_WORD.fullmatch(word) for word in re.findall(r"\w+", rest)
    )


def _is_plain(spec: dict[str, Any]) -> bool:
    keys = json.loads(spec["context"]) if isinstance(spec["context"], str) else spec["context"]
    return (
        spec["type"] in CONTAINERS
        and (keys is None or all(isinstance(name, str) and NAME.fullmatch(name) for name in keys))
        and all(map(_is_plain, spec["children_spec"]))
    )
