"""The graphs of a recognizer of speech beside the network itself, as transformers runs it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import WhisperForConditionalGeneration

from app.tasks.speech_recognition import SpeechConfig
from app.tensors import EncoderInput, SequenceDecoder
from training.errors import TrainingError
from training.networks.whisper import Heard

LARGEST_DIFFERENCE = 1e-3  # of logits, which are about 20 and sums of hundreds of thousands of products


def is_greedy(network: WhisperForConditionalGeneration, config: SpeechConfig, heard: Heard) -> bool:
    """Whether transformers finds each token of a transcript the likeliest one that may stand there."""
    logits = _logits(network, config, heard)[heard.asked :].clone()
    logits[:, config.suppress_ids] = -torch.inf
    logits[:1, config.begin_suppress_ids] = -torch.inf
    return logits.argmax(-1).tolist() == list(heard.ids[heard.asked :])


def largest_difference(
    network: WhisperForConditionalGeneration, config: SpeechConfig, decoder: SequenceDecoder, heard: Sequence[Heard]
) -> float:
    """The largest difference between logits of the graphs and of transformers, after every token that was heard.

    Raises TrainingError if that is more than LARGEST_DIFFERENCE.
    """
    found = 0.0
    for one in heard:
        decoder.begin(0, EncoderInput({"features": one.features}, one.features.shape[1] // 2))
        expected = _logits(network, config, one).numpy()
        for at, id in enumerate([config.start_id, *one.ids[:-1]]):
            [logits] = decoder.run(np.array([[id]]), 0, np.array([at + 1], np.int32))
            found = float(np.maximum(found, np.abs(logits - expected[at]).max()))  # nan stays nan
    if not found <= LARGEST_DIFFERENCE:
        raise TrainingError(f"the graphs differ from transformers by {found:.2g}, more than {LARGEST_DIFFERENCE:g}")
    return found


def _logits(network: WhisperForConditionalGeneration, config: SpeechConfig, heard: Heard) -> Tensor:
    """Of each token, fp32 [tokens, vocabulary]."""
    with torch.inference_mode():
        read = torch.tensor([[config.start_id, *heard.ids[:-1]]])
        logits: Tensor = network(torch.from_numpy(heard.features)[None], decoder_input_ids=read).logits[0]
        return logits
