"""transformers' `generate` in static batches: a batch is over when its longest answer is."""

import os

import torch
from transformers import AutoModelForCausalLM, StoppingCriteria
from writing_server import HUB, serve, static_batch

DTYPE = {"fp32": torch.float32, "bf16": torch.bfloat16}[os.environ["BENCH_PRECISION"]]
PADDING = 2  # the end of a text; it is masked


class Streamer:
    """Gives each job its tokens as they come; the first that are put are the prompts."""

    def __init__(self, batch):
        self._batch, self._is_prompt = batch, True

    def put(self, tokens):
        if self._is_prompt:
            self._is_prompt = False
            return
        for job, token in zip(self._batch, tokens.tolist(), strict=True):
            if not job.is_over:
                job.give(token)

    def end(self):
        pass


class Over(StoppingCriteria):
    """An answer is over when it has as many tokens as were asked for, or nobody reads it."""

    def __init__(self, batch, prompt):
        self._batch, self._prompt = batch, prompt

    def __call__(self, ids, scores, **kwargs):
        written = ids.shape[1] - self._prompt
        return torch.tensor([job.is_gone or written >= job.answer for job in self._batch])


@torch.inference_mode()
def write(jobs):
    model = AutoModelForCausalLM.from_pretrained(HUB, dtype=DTYPE, local_files_only=True).eval()
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = PADDING
    while True:
        batch = static_batch(jobs)
        longest = max(len(job.ids) for job in batch)
        ids = torch.tensor([[PADDING] * (longest - len(job.ids)) + job.ids for job in batch])
        mask = torch.tensor([[0] * (longest - len(job.ids)) + [1] * len(job.ids) for job in batch])
        model.generate(
            ids,
            attention_mask=mask,
            do_sample=False,
            max_new_tokens=max(job.answer for job in batch),
            streamer=Streamer(batch),
            stopping_criteria=[Over(batch, longest)],
        )


if __name__ == "__main__":
    serve(write)
