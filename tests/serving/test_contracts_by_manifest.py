"""Contracts of versions that need not be loaded."""

import pytest
from conftest import publish_sentiment

from app.repository.pipeline import PIPELINE, PipelineManifest, Step
from app.serving.contracts import contract_of, contracts_of, own_contract
from app.tasks.summarization import Summarization
from app.tasks.text_classification import TextClassification

STEPS = (
    Step(name="shortens", model="shortener", version=1, task="summarization"),
    Step(name="judges", model="judge", version=1, task="text-classification", inputs={"text": "shortens.summary_text"}),
)


def test_a_model_has_the_contracts_of_its_task_its_own_first(tmp_path):
    manifest = publish_sentiment(tmp_path / "models", tmp_path / "scratch")
    assert next(iter(contracts_of(manifest).values())) is own_contract(manifest) is TextClassification.contract


def test_a_pipeline_takes_what_its_first_step_takes_and_gives_what_its_last_one_gives():
    manifest = PipelineManifest(name="mood", version=1, description="-", licence="CC0-1.0", steps=STEPS)
    contract = own_contract(manifest)
    assert contract.name == PIPELINE
    assert contract.Input is Summarization.contract.Input
    assert contract.Output is TextClassification.contract.Output
    assert set(contracts_of(manifest)) == {PIPELINE}


def test_a_step_may_ask_another_view_and_none_that_is_not_there():
    assert contract_of(STEPS[0].model_copy(update={"view": "feature-extraction"})).name == "feature-extraction"
    with pytest.raises(KeyError):
        contract_of(STEPS[0].model_copy(update={"view": "flight"}))
    with pytest.raises(KeyError):
        contract_of(STEPS[0].model_copy(update={"task": "flying"}))
