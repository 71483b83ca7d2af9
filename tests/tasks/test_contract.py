"""Contracts: data that every view of every task declares, and that can be sent to another process."""

import pickle

import numpy as np
import pytest

from app.tasks import TASKS
from app.tasks.contract import Contract
from app.tasks.text_classification import TextClassification

CONTRACTS = [contract for task in TASKS.values() for contract in task.contracts.values()]


@pytest.mark.parametrize("contract", CONTRACTS, ids=[one.title for one in CONTRACTS])
def test_a_contract_survives_pickling_and_is_the_same_then(contract):
    copy = pickle.loads(pickle.dumps(contract))
    assert copy == contract
    assert hash(copy) == hash(contract)
    assert (copy.Input, copy.Parameters, copy.Output) == (contract.Input, contract.Parameters, contract.Output)
    assert copy.about


@pytest.mark.parametrize("contract", CONTRACTS, ids=[one.title for one in CONTRACTS])
def test_an_example_is_an_input_and_parameters_may_be_left_out(contract):
    contract.Input.model_validate(contract.example)
    contract.Parameters()


def test_titles_tell_contracts_apart():
    assert len({one.title for one in CONTRACTS}) == len({one.about for one in CONTRACTS})
    assert TextClassification.contract != "TextClassification"


def test_a_request_has_as_many_items_as_any_may_unless_each_takes_far_more():
    own, reasons = TASKS["text-classification"].contracts.values()
    assert (own.most_items(256), reasons.most_items(256), reasons.most_items(8)) == (256, 16, 8)


def test_outputs_are_written_in_pieces_where_they_may_be_large():
    tensors: Contract = TASKS["tensors"].contract
    output = tensors.Output.model_construct({"y": np.array([[1.5, 2.5]])})
    assert b"".join(tensors.written(output)) == b'{"y":[[1.5,2.5]]}'
    similarity = TASKS["sentence-similarity"].contract
    assert list(similarity.written([0.5])) == [b"[0.5]"]
