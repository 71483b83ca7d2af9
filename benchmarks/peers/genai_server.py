"""onnxruntime-genai's Generator in 4 bits and static batches: on CPUs it has no other."""

import numpy as np
import onnxruntime_genai as genai
from writing_server import MODELS, serve, static_batch


def write(jobs):
    model = genai.Model(str(MODELS / "genai-model"))
    padding = genai.Tokenizer(model).pad_token_id
    while True:
        batch = static_batch(jobs)
        longest = max(len(job.ids) for job in batch)
        length = longest + max(job.answer for job in batch)
        settings = genai.GeneratorParams(model)
        settings.set_search_options(batch_size=len(batch), max_length=length, min_length=length, do_sample=False)
        generator = genai.Generator(model, settings)
        generator.append_tokens(np.array([[padding] * (longest - len(job.ids)) + job.ids for job in batch], np.int32))
        while not all(job.is_over for job in batch):
            generator.generate_next_token()
            for job, token in zip(batch, generator.get_next_tokens(), strict=True):
                if not job.is_over:
                    job.give(int(token))


if __name__ == "__main__":
    serve(write)
