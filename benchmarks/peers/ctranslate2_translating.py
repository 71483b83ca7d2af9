"""CTranslate2's Translator, greedy. It sorts a batch by length, and takes answers out of it that are whole."""

import ctranslate2
from translating_server import MODEL, PRECISION, ROWS, THREADS, WORKERS, serve


def load(tokenizer):
    translator = ctranslate2.Translator(
        str(MODEL), compute_type=PRECISION, inter_threads=WORKERS, intra_threads=THREADS
    )

    def translate(texts):
        tokens = [one.tokens for one in tokenizer.encode_batch(texts)]
        found = translator.translate_batch(tokens, beam_size=1, max_batch_size=ROWS, max_decoding_length=512)
        return [tokenizer.decode([tokenizer.token_to_id(token) for token in one.hypotheses[0]]) for one in found]

    return translate


if __name__ == "__main__":
    serve(load)
