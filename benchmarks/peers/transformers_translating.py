"""transformers' `generate`, greedy, in static batches: a batch is over when its longest answer is."""

import torch
from transformers import MarianMTModel
from translating_server import MODEL, PRECISION, THREADS, serve


def load(tokenizer):
    torch.set_num_threads(THREADS)
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[PRECISION]
    model = MarianMTModel.from_pretrained(MODEL, dtype=dtype, local_files_only=True).eval()
    padding = model.config.pad_token_id
    tokenizer.enable_padding(pad_id=padding, pad_token=tokenizer.id_to_token(padding))

    @torch.inference_mode()
    def translate(texts):
        given = tokenizer.encode_batch(texts)
        ids, mask = (torch.tensor(some) for some in zip(*((one.ids, one.attention_mask) for one in given), strict=True))
        written = model.generate(ids, attention_mask=mask, num_beams=1, do_sample=False)
        return tokenizer.decode_batch(written.tolist())

    return translate


if __name__ == "__main__":
    serve(load)
