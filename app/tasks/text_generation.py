"""Write text: go on with one, or add the next message to a chat."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic_core import to_json
from tokenizers import Tokenizer

from app.errors import InvalidInput
from app.generation.alone import generate_alone
from app.generation.encoding import TooManyTokens, as_text, encode, end_of
from app.generation.grammar import Grammars
from app.generation.prompt import Constraint, Finish, Progress, Prompt, Sampling
from app.generation.template import ChatTemplate
from app.generation.tools import Tools
from app.generation.vocabulary import Vocabulary
from app.tasks.contract import Contract
from app.tasks.generation_pieces import Drafted, Pieces
from app.tasks.generation_schema import (
    Generation,
    GenerationInput,
    GenerationParameters,
    GenerationPiece,
    Grammar,
    TextGenerationConfig,
)
from app.tasks.json_pieces import array_of, object_with
from app.tasks.kernel import Kernel
from app.tasks.text import to_unicode
from app.tasks.view import Prepared, View
from app.tensors import Session, Tensors

MAX_CHARACTERS = 4_000_000  # of a prompt: more than any context holds, and encoded within seconds

GRAMMARS: Mapping[str, Callable[[Grammars, Any], Callable[[], Constraint]]] = {
    "json_schema": Grammars.json_schema,
    "json_object": lambda grammars, _: grammars.json_object(),
    "regex": Grammars.regex,
    "choice": Grammars.choice,
}


class TextGenerationKernel(Kernel):
    """A decoder's tokens and what they mean. It has no rows: a scheduler of its own steps through its answers."""

    Config = TextGenerationConfig
    steps = True

    def __init__(self, config: TextGenerationConfig, files: Mapping[str, Path]) -> None:
        self.config, self.context = config, config.context
        self.tokenizer = Tokenizer.from_file(str(files[config.tokenizer]))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.vocabulary = Vocabulary(self.tokenizer)
        self.end_ids = frozenset(config.eos_token_ids)
        self.grammars = Grammars(self.tokenizer.to_str(), config.eos_token_ids)
        self.grammars.prepare()
        as_text(self.tokenizer)
        self.template = self._template(files)

    def _template(self, files: Mapping[str, Path]) -> ChatTemplate | None:
        if self.config.chat_template is None:
            return None
        source = files[self.config.chat_template].read_text(encoding="utf-8")
        return ChatTemplate(source, self.tokenizer, bos=self.config.bos_token, eos=self.config.eos_token)


def _written(answer: Generation) -> Iterator[bytes]:
    if answer.tokens is None:
        return iter([to_json(answer)])
    return object_with(answer.model_dump(exclude={"tokens"}), tokens=array_of([to_json(one)] for one in answer.tokens))


class TextGeneration(View[TextGenerationKernel]):
    """Write text, token by token. Nobody verifies what it says."""

    contract = Contract(
        "text-generation",
        __qualname__,
        __doc__,
        Input=GenerationInput,
        Parameters=GenerationParameters,
        Output=Generation,
        Piece=GenerationPiece,
        example={"text": "The harbour was quiet that morning, and"},
        timeout_s=600.0,  # as long as the openai client waits
        body_bytes=8_000_000,
        write=_written,
        is_generated=True,
    )

    def check(self, parameters: GenerationParameters) -> None:
        size = self.kernel.vocabulary.size
        for id in (*parameters.logit_bias, *parameters.stop_token_ids):
            if id >= size:
                name = "logit_bias" if id in parameters.logit_bias else "stop_token_ids"
                raise InvalidInput(f"there is no token {id}: the model knows 0 to {size - 1}").under(name)

    def preprocess(self, item: GenerationInput, parameters: GenerationParameters) -> Prepared:
        tools = self._tools(item)
        most = self.kernel.context - 1
        if parameters.max_prompt_tokens is not None and item.messages is not None:
            raise InvalidInput("a chat cannot be cut by max_prompt_tokens: leave out messages").under("messages")
        try:
            if parameters.max_prompt_tokens is None:
                ids = self._ids(item, tools, most)
            else:
                ids = self._last_ids(item, parameters.max_prompt_tokens)
            if len(ids) > most:
                raise TooManyTokens(len(ids))
        except TooManyTokens as error:
            # Clients look for both: LiteLLM for the sentence, LangChain for the code.
            raise InvalidInput(
                f"This model's maximum context length is {self.kernel.context} tokens; the prompt has {error} "
                "(context_length_exceeded)."
            ).under(
                "messages" if item.messages is not None else "text" if item.text is not None else "token_ids"
            ) from None
        return Prepared([], Drafted(self._prompt(item, parameters, ids, tools), tools))

    def begin(self, prepared: Prepared, parameters: GenerationParameters, item: int = 0) -> Pieces:
        """Return what makes text of the answer's tokens."""
        return Pieces(self.kernel.vocabulary, prepared.context, parameters, item)

    def postprocess(self, prepared: Prepared, answers: Sequence[Tensors], parameters: GenerationParameters) -> Any:
        raise NotImplementedError("an answer that is generated has no rows")

    def _last_ids(self, item: GenerationInput, count: int) -> Sequence[int]:
        """Of a text or of tokens; of a long text only the end is tokenized."""
        if item.text is not None and len(item.text) <= MAX_CHARACTERS:
            item = item.model_copy(update={"text": end_of(self.kernel.tokenizer, item.text, count)})
        return self._ids(item, None, None)[-count:]

    def _ids(self, item: GenerationInput, tools: Tools | None, most: int | None) -> Sequence[int]:
        """Raises TooManyTokens for a text or a chat that has more than `most`."""
        if item.messages is not None:
            return self._chat_ids(item, tools, most)
        if item.token_ids is not None:
            if unknown := next((id for id in item.token_ids if id >= self.kernel.vocabulary.size), None):
                raise InvalidInput(f"there is no token {unknown}: the model knows {self.kernel.vocabulary.size}").under(
                    "token_ids"
                )
            return item.token_ids
        assert item.text is not None
        if len(item.text) > MAX_CHARACTERS:
            raise InvalidInput(f"the text has {len(item.text)} characters, and may have {MAX_CHARACTERS}").under("text")
        ids = encode(self.kernel.tokenizer, to_unicode(item.text), most)
        if not ids:
            raise InvalidInput("the text is empty, so there is nothing to go on with").under("text")
        return ids

    def _chat_ids(self, item: GenerationInput, tools: Tools | None, most: int | None) -> Sequence[int]:
        template = self.kernel.template
        if template is None:
            raise InvalidInput("the model has no chat template: send a text that it goes on with").under("messages")
        assert item.messages is not None
        return template.encode(
            [message.model_dump(exclude_none=True) for message in item.messages],
            tools=item.tools if tools is not None and template.has_tools else None,
            add_generation_prompt=item.add_generation_prompt,
            continue_final_message=item.continue_final_message,
            arguments=item.template_arguments,
            most=most,
        )

    def _prompt(
        self, item: GenerationInput, parameters: GenerationParameters, ids: Sequence[int], tools: Tools | None
    ) -> Prompt:
        config, kernel = self.kernel.config, self.kernel
        own = kernel.end_ids if not parameters.ignore_eos else frozenset()
        seed = None if parameters.seed is None else parameters.seed + item.sample

        def given(name: str) -> Any:
            value = getattr(parameters, name)
            return getattr(config, name) if value is None else value

        return Prompt(
            tuple(ids),
            # What does not fit is left out: an answer of the length that was asked for may come to its end before.
            max_new_tokens=min(given("max_new_tokens"), kernel.context - len(ids)),
            end_ids=own | frozenset(parameters.stop_token_ids),
            min_new_tokens=parameters.min_new_tokens,
            sampling=Sampling(
                temperature=given("temperature"),
                top_k=given("top_k"),
                top_p=given("top_p"),
                min_p=parameters.min_p,
                repetition_penalty=given("repetition_penalty"),
                frequency_penalty=parameters.frequency_penalty,
                presence_penalty=parameters.presence_penalty,
                logit_bias=parameters.logit_bias,
                seed=seed,
                num_logprobs=parameters.top_logprobs,
            ),
            constraint=self._constraint(parameters.grammar, tools),
        )

    def answer_alone(self, sessions: Mapping[str, Session], prepared: Prepared, parameters: Any) -> Generation:
        decoder, prompt = self.kernel.decoder(sessions, 1), prepared.context.prompt
        answer, pieces = self.begin(prepared, parameters), []
        for number, token in enumerate(generate_alone(decoder, prompt), 1):
            is_last = number == prompt.max_new_tokens
            finish: Finish = "stop" if token.id in prompt.end_ids else "length" if is_last else ""
            pieces.append(answer.push(Progress((token,), finish)))
            if answer.is_over:
                break
        return answer.whole(pieces)

    def _tools(self, item: GenerationInput) -> Tools | None:
        """The functions that the answer may call, or must; None if it is a text."""
        tools, template = Tools.of(item.tools, item.tool_choice), self.kernel.template
        if tools is not None and not tools.is_required and not (template and template.has_tools):
            raise InvalidInput(
                "the model has not learned to choose a tool: say which with tool_choice, or that one is required"
            ).under("tool_choice")
        return tools

    def _constraint(self, grammar: Grammar | None, tools: Tools | None) -> Callable[[], Constraint] | None:
        if tools is not None and tools.is_required:
            return tools.constraint(self.kernel.grammars)
        if grammar is None:
            return None
        try:
            return GRAMMARS[grammar.type](self.kernel.grammars, grammar.value)
        except InvalidInput as error:
            raise error.under("grammar") from None
