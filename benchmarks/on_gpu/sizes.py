"""The sizes of what is measured: those of a real run, and tiny ones that try the same code in a moment."""

from dataclasses import dataclass

from app.tasks.text import BUCKETS
from training.networks.plain_decoder import DecoderSizes

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
TELLING = (1, 8, 32, 256)
"""Batches that are measured before the others."""

SMOLLM2 = DecoderSizes(
    vocabulary=49152, width=576, hidden=1536, layers=30, heads=9, kv_heads=3, head_size=64, positions=2048, epsilon=1e-5
)
SMALL = DecoderSizes(
    vocabulary=320, width=64, hidden=96, layers=2, heads=4, kv_heads=2, head_size=16, positions=64, epsilon=1e-5
)


@dataclass(frozen=True, slots=True)
class BertSizes:
    vocabulary: int = 30522
    width: int = 384
    hidden: int = 1536
    layers: int = 6
    heads: int = 12
    positions: int = 512


@dataclass(frozen=True, slots=True)
class Sizes:
    """`side` of photos in pixels, and the first `blocks` of the network that reads them. `tokens`: of texts, as the
    service pads them on a GPU. `prompt`: tokens before the step that is measured. `rounds`: of all techniques in turn.
    `least_s`: of each technique in a round. `connections`: to the service, and rows of a request.
    """

    batches: tuple[int, ...]
    side: int
    blocks: int
    tokens: tuple[int, ...]
    bert: BertSizes
    decoder: DecoderSizes
    prompt: int
    answers: tuple[int, ...]
    rounds: int
    least_s: float
    connections: tuple[tuple[int, int], ...]


FULL = Sizes(
    batches=BATCHES,
    side=224,
    blocks=16,
    tokens=(64, 256),
    bert=BertSizes(),
    decoder=SMOLLM2,
    prompt=256,
    answers=BATCHES[:7],
    rounds=5,
    least_s=0.05,
    connections=((1, 1), (1, 32), (16, 1), (1, 8), (4, 32), (64, 1)),
)
TINY = Sizes(
    batches=(1, 4),
    side=64,
    blocks=2,
    tokens=(16,),
    bert=BertSizes(vocabulary=400, width=32, hidden=40, layers=2, heads=2, positions=64),
    decoder=SMALL,
    prompt=16,
    answers=(1, 4),
    rounds=2,
    least_s=0.005,
    connections=((1, 1), (1, 4), (4, 1)),
)
assert {*FULL.tokens, *TINY.tokens} <= {*BUCKETS}
