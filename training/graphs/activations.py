"""The functions between the two layers that widen and narrow the states of a transformer."""

from training.graphs.writer import ONNX_RUNTIME, GraphWriter


def activated(graph: GraphWriter, rows: str, activation: str) -> str:
    """`rows` after the function that transformers calls `activation`. Raises ValueError if it is not known here."""
    match activation:
        case "relu":
            return graph.add("Relu", [rows])
        case "gelu":
            return graph.add("Gelu", [rows])
        case "gelu_new":
            return graph.add("Gelu", [rows], approximate="tanh")
        case "silu" | "swish":
            return graph.add("QuickGelu", [rows], domain=ONNX_RUNTIME, alpha=1.0)  # x sigmoid(x)
        case other:
            raise ValueError(f"{other} is no activation that is known")
