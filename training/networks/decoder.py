"""The decoders of language models that are known here: those of the Llama family, Qwen2 among it."""

from collections.abc import Mapping
from typing import Any

from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

Decoder = LlamaForCausalLM | Qwen2ForCausalLM

# By the name of their kind: what configures a decoder, and its class. transformers types neither.
KINDS: Mapping[str, tuple[Any, Any]] = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
}
