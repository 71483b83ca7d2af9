"""The weights in a model's folder: safetensors, since other files may run code when they are read."""

from pathlib import Path

from training.errors import TrainingError

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")
# Reads tensors and nothing else, and makes one file of several.
CONVERT = (
    "import glob, torch; from safetensors.torch import save_file; "
    "save_file({name: tensor.clone() for path in glob.glob('pytorch_model*.bin') "
    "for name, tensor in torch.load(path, map_location='cpu', weights_only=True).items()}, "
    "'model.safetensors', {'format': 'pt'})"
)


def safetensors_of(folder: Path) -> list[Path]:
    """The files with weights in `folder`. Raises TrainingError, with a way to convert others, if there are none."""
    if weights := sorted(folder.glob("*.safetensors")):
        return weights
    pickles = [path.name for pattern in PICKLES for path in sorted(folder.glob(pattern))]
    if not pickles:
        raise TrainingError(f"{folder} has no *.safetensors")
    raise TrainingError(
        f"{folder} has its weights in {pickles[0]}, and no *.safetensors: such a file may run code when it is read, "
        f'and is not. This makes safetensors of pytorch_model*.bin, run in that folder: python -c "{CONVERT}"'
    )
