"""The way a model of transformers is to write, in our words; what has none here is refused, not forgotten."""

from collections.abc import Mapping, Sequence
from typing import Any

from training.errors import TrainingError

# What transformers has for them where a model says nothing. Greedily they change no answer.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "do_sample": (None, False),
    "repetition_penalty": (None, 1.0),
    "encoder_repetition_penalty": (None, 1.0),
    "encoder_no_repeat_ngram_size": (None, 0),
    "begin_suppress_tokens": (None, []),
    "sequence_bias": (None,),
    "force_words_ids": (None,),
    "constraints": (None,),
    "exponential_decay_length_penalty": (None,),
    "diversity_penalty": (None, 0.0),
    "guidance_scale": (None, 1.0),
    "penalty_alpha": (None,),
    "stop_strings": (None,),
    "forced_decoder_ids": (None, []),
}


def require_neutral(config: Any, neutral: Mapping[str, Sequence[Any]] = NEUTRAL) -> None:
    """Raises TrainingError if `config`, of transformers, has another value than those that change no answer."""
    for name, values in neutral.items():
        if (value := getattr(config, name, None)) not in values:
            raise TrainingError(f"its generation_config.json has {name}: {value}, which is not honoured; remove it")


def settings_of(network: Any) -> dict[str, Any]:
    """Return the settings of app.tasks.sequence_kernel that the model's own generation configuration asks for.

    Raises TrainingError for what is not honoured. How many beams there are and how their lengths count is for whoever
    searches; `forced_eos_token_id` only cuts an answer that is as long as it may be, which is told anyway.
    """
    config = network.generation_config
    require_neutral(config)
    ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    if len(ends) != 1 or ends[0] is None:
        raise TrainingError(f"it must have one eos_token_id, not {config.eos_token_id}")
    start = config.decoder_start_token_id
    start = config.bos_token_id if start is None else start
    if start is None:
        raise TrainingError("its configuration does not tell decoder_start_token_id")
    begun = [start] if config.forced_bos_token_id is None else [start, config.forced_bos_token_id]
    return {
        "start_id": start,
        "end_id": ends[0],
        "answer_form": begun if len(begun) > 1 else [],
        "forbidden_ids": _forbidden(config),
        "min_new_tokens": max((config.min_length or 0) - len(begun), (config.min_new_tokens or 0) - len(begun) + 1, 0),
        "no_repeat_ngram_size": config.no_repeat_ngram_size or 0,
    }


def _forbidden(config: Any) -> list[int]:
    runs: list[list[int]] = config.bad_words_ids or []
    if any(len(run) > 1 for run in runs):
        raise TrainingError("its generation_config.json has bad_words_ids of several tokens, which are not honoured")
    return sorted({*(run[0] for run in runs), *(config.suppress_tokens or [])})
