"""Networks that fill in the words that are left out of a text."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from app.tasks.fill_mask import FillMask, FillMaskConfig, FillMaskKernel
from training.errors import TrainingError
from training.importing.beside_pipeline import pipeline_of
from training.importing.folder import ModelFolder
from training.importing.network import TOKENIZER, load_text_model
from training.importing.text_draft import TEXTS, text_draft
from training.importing.text_graphs import Texts
from training.recipe import Draft, Run


def make(folder: ModelFolder, run: Run) -> Draft:
    """Raises TrainingError."""
    model = load_text_model(folder, "AutoModelForMaskedLM")
    mask = model.reader.mask_token
    if mask is None or model.tokenizer.token_to_id(mask) is None:
        raise TrainingError(f"the tokenizer of {folder.name} has no mask token")
    config = FillMaskConfig(tokenizer=TOKENIZER, max_tokens=model.max_tokens, mask_token=mask)
    kernel = FillMaskKernel(config, {TOKENIZER: model.save_tokenizer(run.workdir)})
    pipeline = pipeline_of("fill-mask", model.network, model.reader)

    def expected(item: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        found = pipeline(item["text"], **parameters)
        return found if isinstance(found[0], list) else [found]

    return text_draft(
        model,
        run,
        FillMask(kernel),
        Masked(model.network),
        "logits",
        [{"text": text} for text in _with_masks(mask)],
        expected,
        config=config.model_dump(),
        about=f"Finds the likeliest tokens for each {mask} of a text",
        parameters=[{}, {"top_k": 3}],
    )


def _with_masks(mask: str) -> list[str]:
    """Texts of which a word is left out, and of every third a second one."""
    texts = []
    for at, text in enumerate(one for one in TEXTS if " " in one):
        words = text.split(" ")
        for place in (1, 4)[: 1 + (at % 3 == 2)]:
            words[place] = mask
        texts.append(" ".join(words))
    return texts


class Masked(Texts):
    """Logits [batch, vocabulary] of one token of each text: that of which `is_asked` int64 [batch, tokens] is 1."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor, is_asked: Tensor) -> Tensor:  # type: ignore[override]
        head = self.network.get_output_embeddings()
        picked = is_asked[:, None].to(head.weight.dtype)
        # Before the head, whose output is as wide as the vocabulary: of all tokens it would take gigabytes.
        hook = head.register_forward_pre_hook(lambda module, given: (picked @ given[0],))
        try:
            logits: Tensor = self.network(input_ids=input_ids, attention_mask=attention_mask).logits
        finally:
            hook.remove()
        return logits.squeeze(1)
