"""CTranslate2's Generator in int8 and static batches: it cannot let others join a batch that runs."""

import ctranslate2
from tokenizers import Tokenizer
from writing_server import HUB, MODELS, serve, static_batch


def write(jobs):
    tokenizer = Tokenizer.from_file(str(HUB / "tokenizer.json"))
    generator = ctranslate2.Generator(str(MODELS / "ctranslate2-model"), compute_type="int8", inter_threads=1)
    while True:
        batch = static_batch(jobs)

        def told(result, batch=batch):
            """True ends that answer."""
            job = batch[result.batch_id]
            if not job.is_over:
                job.give(result.token_id)
            return job.is_over

        generator.generate_batch(
            [[tokenizer.id_to_token(id) for id in job.ids] for job in batch],
            max_length=max(job.answer for job in batch),
            min_length=max(job.answer for job in batch),
            include_prompt_in_result=False,
            callback=told,
            beam_size=1,
            sampling_topk=1,
        )


if __name__ == "__main__":
    serve(write)
