"""A chat to the token ids that its model learned to read. What callers write is text, never a special token."""

from collections.abc import Mapping, Sequence
from typing import Any

import tokenizers

from app.errors import InvalidArtifact, InvalidInput, ModelNotReady
from app.generation.callers_text import CallersText, texts_in, unused_mark
from app.generation.encoding import check_is_text, counted
from app.generation.messages import plain


class ChatTemplate:
    """A template in jinja2, read as the transformers library reads it; `bos` and `eos` are its special tokens.

    Raises InvalidArtifact for a source that is no template, and ModelNotReady where jinja2 is not installed.
    """

    def __init__(self, source: str, tokenizer: tokenizers.Tokenizer, *, bos: str = "", eos: str = "") -> None:
        try:
            import jinja2

            from app.generation.sandbox import BoundedTemplate
        except ImportError as error:
            raise ModelNotReady("chat templates need the extra `generation`, which is not installed") from error
        try:
            self._template = BoundedTemplate(source)
        except (jinja2.TemplateError, RecursionError) as error:
            raise InvalidArtifact(f"its chat template cannot be read: {error}") from error
        self._tokenizer = tokenizer
        self._callers = CallersText(tokenizer)
        self._own = {"bos_token": bos, "eos_token": eos}
        self.has_tools = "tools" in self._template.names
        """Whether it tells the model of tools."""

    def encode(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        arguments: Mapping[str, Any] = {},
        most: int | None = None,
    ) -> list[int]:
        """The ids of a chat. `arguments` are more values for the template; `tools` are as in a request.

        With `continue_final_message` the last message is left open, and none is begun. A special token that is written
        in any of these is read as text. Raises InvalidInput for messages that are none, or that the template refuses,
        with what it says, under the name of the argument; and TooManyTokens where there are more than `most`.
        """
        own = {**self._own, "add_generation_prompt": add_generation_prompt and not continue_final_message}
        for name in arguments:
            if name in own or name in ("messages", "tools"):
                raise InvalidInput("is not for the caller to set").under("arguments", name)
        try:
            asked = {**arguments, "messages": plain(messages), "tools": list(tools) if tools else None}
            write = self._opened if continue_final_message else self._written
            clean = write({**own, **asked})
            encoding = counted(self._tokenizer, clean, most)
            mark = unused_mark([*texts_in(asked), clean])
            marked = self._callers.marked(asked, mark)
            if marked == asked:
                return list(encoding.ids)
            return self._callers.ids(clean, write({**own, **marked}), mark)
        except InvalidInput as error:
            raise error.under("messages") from error
        except RecursionError as error:
            raise InvalidInput("is nested too deeply").under("messages") from error

    def _written(self, values: Mapping[str, Any]) -> str:
        try:
            text = self._template.render(values)
        except Exception as error:  # a program that came with the model, given what a caller wrote
            said = str(error) or type(error).__name__
            raise InvalidInput(f"the model's chat template refuses them: {said:.500}") from error
        check_is_text(text)
        return text

    def _opened(self, values: Mapping[str, Any]) -> str:
        """Up to the end of the last message, which a tag marks while the template is at work."""
        *before, last = values["messages"]
        if not isinstance(content := last.get("content"), str):
            raise InvalidInput("has no content to go on from").under(len(before))
        tag = unused_mark([*texts_in(values)])
        tagged = {**last, "content": f"{content}{tag} "}
        text, found, after = self._written({**values, "messages": [*before, tagged]}).rpartition(tag)
        if not found:
            raise InvalidInput("the model's chat template leaves out its end").under(len(before))
        return text if after.startswith(" ") else text.rstrip()  # it strips messages, and so this end
