"""A translator that goes on with other subwords, on the one of the package."""

import pytest
import torch
from tokenizers import Tokenizer

from training.data.marian_students import EN_PT
from training.data.subwords import learn_subwords
from training.networks.new_subwords import old_ids, with_subwords


@pytest.fixture(scope="module")
def given():
    student, path = EN_PT.load()
    return student, Tokenizer.from_file(str(path))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [(" saved", ["▁saved"]), ("ent", ["ent"]), (" Header", ["▁Head", "er"]), (" über", []), ("\ufffd", [])],
)
def test_a_text_is_found_by_its_pieces_or_not_at_all(given, text, pieces):
    assert [given[1].id_to_token(one) for one in old_ids(text, given[1])] == pieces


def test_layers_are_kept_and_tokens_begin_as_their_old_pieces(given, tmp_path):
    old, read_by = given
    tokenizer = learn_subwords(["saved the saved Header über Header"] * 3, 400, tmp_path / "tokenizer.json")
    new = with_subwords(old, read_by, tokenizer, dropout=0.1)
    layers = {name for name in old.state_dict() if name.startswith(("encoder", "decoder"))}
    assert layers
    assert all(torch.equal(new.state_dict()[name], old.state_dict()[name]) for name in layers)
    ids = [read_by.token_to_id(one) for one in ("▁Head", "er")]
    header = new.embedding[tokenizer.encode("Header", add_special_tokens=False).ids[0]]
    assert torch.equal(header, old.embedding[ids].mean(0))
    assert torch.equal(new.embedding[0], old.embedding[0])
    assert new.start_id == tokenizer.get_vocab_size() == len(new.bias)
    unknown = new.embedding[tokenizer.token_to_id("Ã¼") or tokenizer.token_to_id("Ã")]
    assert unknown.isfinite().all()
    assert unknown.std() > 0
