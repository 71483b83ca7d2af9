"""The ways in which tokenizers write single bytes."""


def _byte_letters() -> dict[str, int]:
    """The letters that stand for bytes in byte-level tokens (GPT-2, Radford et al., 2019)."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(0x100) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(0x100 + n): byte for n, byte in enumerate(hidden)}


BYTE_LETTERS = _byte_letters()
BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]
"""The tokens of a byte-fallback tokenizer for what has no token of its own."""
