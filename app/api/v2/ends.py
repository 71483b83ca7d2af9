"""The tensors of a model as this protocol tells of them."""

from app.repository.manifest import Manifest
from app.tasks.text_generation import TextGeneration
from app.tensors import TensorSpec

VIEW = TextGeneration.contract.name


def writes_text(manifest: Manifest) -> bool:
    return manifest.task == VIEW


def inputs_of(manifest: Manifest) -> tuple[TensorSpec, ...]:
    """Those of the graph; but of a model that writes text what its callers send: only the service asks its graph."""
    return (_text("text_input"),) if writes_text(manifest) else manifest.inputs


def outputs_of(manifest: Manifest) -> tuple[TensorSpec, ...]:
    return (_text("text_output"),) if writes_text(manifest) else manifest.outputs


def _text(name: str) -> TensorSpec:
    return TensorSpec(name=name, datatype="BYTES", shape=(1,))
