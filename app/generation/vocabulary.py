"""Token ids to text, also while they come. Knows no model."""

import codecs
import json
from collections.abc import Iterator, Sequence

import tokenizers


class Vocabulary:
    """The tokens of a tokenizer, by id. Ids that it does not have are no text, as in its `decode`."""

    def __init__(self, tokenizer: tokenizers.Tokenizer) -> None:
        self.tokenizer = tokenizer
        by_text = tokenizer.get_vocab(with_added_tokens=True)
        self.size = max(by_text.values(), default=-1) + 1
        """One more than the highest id. Logits may be wider."""
        self.tokens: list[str | None] = [None] * self.size
        for text, id in by_text.items():
            self.tokens[id] = text
        added = tokenizer.get_added_tokens_decoder()
        self._special = {token.content: id for id, token in added.items() if token.special}
        self._special_ids = frozenset(self._special.values())
        decoders = list(_decoders(tokenizer))
        self._falls_back = "ByteFallback" in decoders
        self.raw: list[bytes] | None = None
        """The bytes of each token, special ones too, where a text is its tokens' bytes in a row; else None."""
        if decoders == ["ByteLevel"]:
            self.raw = [b"" if token is None else _raw(token) for token in self.tokens]

    def is_special(self, id: int) -> bool:
        return id in self._special_ids

    def id_of_special(self, text: str) -> int | None:
        """The id of the special token that is written so; None if there is none."""
        return self._special.get(text)

    def bytes_of(self, id: int) -> bytes:
        """Return what a token adds to a text that goes on, in UTF-8; some are a part of a character. Special: none."""
        if not self.has(id) or self.is_special(id):
            return b""
        if self.raw is not None:
            return self.raw[id]
        if self.is_byte(id):
            return bytes([int(self.tokens[id][3:5], 16)])  # type: ignore[index]
        # The first token of a text may lose its space, or keep the mark that joins it to the last.
        context = [self._anchor] if self._anchor is not None else []
        before = self.tokenizer.decode(context)
        return self.tokenizer.decode([*context, id])[len(before) :].encode()

    def text_of(self, id: int) -> str:
        """Return a token as it looks alone: a part of a character as U+FFFD, a special token as it is written."""
        if self.has(id) and self.is_special(id):
            return self.tokens[id] or ""
        return self.bytes_of(id).decode("utf-8", "replace")

    def has(self, id: int) -> bool:
        return 0 <= id < self.size and self.tokens[id] is not None

    def is_byte(self, id: int) -> bool:
        """Whether a token is one byte of a character that has no token of its own."""
        token = self.tokens[id]
        return self._falls_back and token is not None and len(token) == 6 and token.startswith("<0x")

    @property
    def _anchor(self) -> int | None:
        plain = (id for id in range(self.size) if self.has(id) and not self.is_special(id) and not self.is_byte(id))
        return next((id for id in plain if self.tokenizer.decode([id]).isalnum()), None)


class Detokenizer:
    """Text of ids as they come; what it gives, joined, is what the tokenizer makes of all of them at once."""

    def __init__(self, vocabulary: Vocabulary, skip_special_tokens: bool = True) -> None:
        self._vocabulary = vocabulary
        self._skips_special = skip_special_tokens
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._window: list[int] = []  # the last token that was told, and those that are not
        self._told = ""  # of the window

    def push(self, ids: Sequence[int]) -> str:
        """The text that is certain now. A character comes as a whole, with the last of its tokens."""
        ids = [id for id in ids if self._is_text(id)]
        if self._vocabulary.raw is not None:
            raw = self._vocabulary.raw
            return self._utf8.decode(b"".join([raw[id] for id in ids]))
        text = ""
        for id in ids:
            self._window.append(id)
            # Bytes in a row are decoded together: if any is wrong, all become U+FFFD.
            if not self._vocabulary.is_byte(id):
                text += self._new_in_window()
                self._window = [id]
                self._told = self._decoded(self._window)
        return text

    def end(self) -> str:
        """The rest: a character that stays unfinished becomes U+FFFD."""
        rest = self._utf8.decode(b"", True) + self._new_in_window()
        self._window, self._told = [], ""
        return rest

    def _is_text(self, id: int) -> bool:
        return self._vocabulary.has(id) and not (self._skips_special and self._vocabulary.is_special(id))

    def _new_in_window(self) -> str:
        return self._decoded(self._window)[len(self._told) :]

    def _decoded(self, ids: list[int]) -> str:
        return self._vocabulary.tokenizer.decode(ids, skip_special_tokens=False)


def _decoders(tokenizer: tokenizers.Tokenizer) -> Iterator[str]:
    """The names of what makes text of tokens, in order."""
    if tokenizer.decoder is not None:
        decoder = json.loads(tokenizer.decoder.__getstate__())
        for one in decoder.get("decoders", [decoder]):
            yield one["type"]


def _byte_letters() -> dict[str, int]:
    """The letters that stand for bytes in byte-level tokens (GPT-2, Radford et al., 2019)."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(0x100) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(0x100 + n): byte for n, byte in enumerate(hidden)}


_BYTES = _byte_letters()


def _raw(token: str) -> bytes:
    try:
        return bytes([_BYTES[letter] for letter in token])
    except KeyError:  # a token that was added as text
        return token.encode()
