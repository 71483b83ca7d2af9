from pathlib import Path

import numpy as np
import pytest
from conftest import LOGITS, WORDS, word_counting_graph, word_tokenizer
from graphs import save
from onnx import helper
from published import opened
from tokenizers import Tokenizer, models, pre_tokenizers

from app.__main__ import main
from app.adding.command import add
from app.adding.wishes import Wishes
from app.errors import InvalidArtifact, InvalidInput
from app.repository.repository import ModelRepository
from app.tasks.text_classification import TextClassificationConfig
from app.tasks.view import predict_json

GOOD = 0.880797  # of softmax over (0, 2)


def classifier(path: Path, *ends: tuple, outputs=(("logits", 2),), types=False, tokens="tokens", places=0) -> Path:
    """Sums over words, and `ends`, which go on from `sums` [batch, 2]; with `places` it reads so many tokens."""
    weight = np.array([LOGITS.get(word, (0.0, 0.0)) for word in WORDS], np.float32)
    nodes = [
        ("Gather", ["weight", "input_ids"], "by_token", {}),
        ("Cast", ["attention_mask"], "mask", {"to": 1}),
        ("Unsqueeze", ["mask", "last"], "mask_3d", {}),
        ("Mul", ["by_token", "mask_3d"], "masked", {}),
        ("ReduceSum", ["masked", "one"], "sums", {"keepdims": 0}),
    ]
    if places:
        nodes[3:4] = [
            ("Shape", ["input_ids"], "length", {"start": 1, "end": 2}),
            ("Slice", ["places", "zero", "length", "zero"], "some_places", {}),
            ("Add", ["by_token", "some_places"], "placed", {}),
            ("Mul", ["placed", "mask_3d"], "masked", {}),
        ]
    if types:
        nodes[-1] = ("ReduceSum", ["masked", "one"], "without_types", {"keepdims": 0})
        nodes += [
            ("Cast", ["token_type_ids"], "types", {"to": 1}),
            ("ReduceSum", ["types", "one"], "sum_of_types", {"keepdims": 1}),
            ("Add", ["without_types", "sum_of_types"], "sums", {}),
        ]
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if types else [])]
    return save(
        path,
        [helper.make_node(kind, reads, [writes], **more) for kind, reads, writes, more in (*nodes, *ends)],
        [(name, "INT64", ["batch", tokens]) for name in names],
        [(name, "FP32", ["batch", width]) for name, width in outputs],
        weight=weight,
        last=np.array([-1], np.int64),
        one=np.array([1], np.int64),
        zero=np.array([0], np.int64),
        places=np.zeros((max(places, 1), 2), np.float32),
    )


LINEAR = ("Identity", ["sums"], "logits", {})
LABELS = "negative\npositive\n"


def wishes(folder: Path, labels=LABELS, **more) -> Wishes:
    (folder / "labels.txt").write_text(labels, encoding="utf-8")
    return Wishes(labels=folder / "labels.txt", tokenizer=word_tokenizer(folder / "words.json"), **more)


def config_of(folder: Path) -> TextClassificationConfig:
    return TextClassificationConfig.model_validate(ModelRepository(folder / "models").read("mine", 1).config)


def answered(folder: Path, text: str, **parameters) -> list:
    loaded = opened(folder / "models", "mine")
    return predict_json(loaded.views[0], loaded.sessions, {"text": text}, parameters)


def scores(found: list) -> dict:
    return {one["label"]: pytest.approx(one["score"], abs=1e-5) for one in found}


def test_a_graph_with_a_tokenizer_and_class_names_labels_texts(tmp_path):
    added = add(word_counting_graph(tmp_path / "g.onnx"), "mine", tmp_path / "models", wishes(tmp_path))
    assert added.manifest.task == "text-classification"
    assert {*added.manifest.files} == {"g.onnx", "tokenizer.json"}
    assert not added.unbatched
    assert added.manifest.batching.max_batch_size > 1
    assert scores(answered(tmp_path, "a good film")) == {"positive": GOOD, "negative": 1 - GOOD}
    assert added.manifest.golden[0].input == {"text": "what a good film"}
    assert added.manifest.provenance
    assert added.manifest.provenance.command.endswith("--name mine --labels labels.txt --tokenizer words.json")
    assert "logits, by its answers" in added.said[1]


SOFTMAX, SIGMOID = ("Softmax", ["sums"], "logits", {}), ("Sigmoid", ["sums"], "logits", {})


def test_probabilities_are_seen_and_stay_as_they_are(tmp_path):
    add(classifier(tmp_path / "g.onnx", SOFTMAX), "mine", tmp_path / "models", wishes(tmp_path))
    assert config_of(tmp_path).is_applied
    assert scores(answered(tmp_path, "good")) == {"positive": GOOD, "negative": 1 - GOOD}
    logits = {"positive": float(np.log(GOOD)), "negative": float(np.log(1 - GOOD))}
    assert scores(answered(tmp_path, "good", function_to_apply="none")) == logits


def test_numbers_that_may_be_probabilities_or_not_are_asked_for(tmp_path):
    file = classifier(tmp_path / "g.onnx", SIGMOID)
    with pytest.raises(InvalidInput, match="numbers from 0 to 1 that do not sum to one: say with --outputs"):
        add(file, "mine", tmp_path / "models", wishes(tmp_path))
    add(file, "mine", tmp_path / "models", wishes(tmp_path, outputs="independent-probabilities"))
    assert scores(answered(tmp_path, "good")) == {"positive": GOOD, "negative": 0.5}
    assert scores(answered(tmp_path, "good", function_to_apply="softmax")) == {"positive": GOOD, "negative": 1 - GOOD}


def test_what_is_said_of_the_numbers_counts(tmp_path):
    file = word_counting_graph(tmp_path / "g.onnx")
    add(file, "mine", tmp_path / "models", wishes(tmp_path, outputs="independent-logits"))
    assert scores(answered(tmp_path, "good")) == {"positive": GOOD, "negative": 0.5}
    with pytest.raises(InvalidInput, match=r"--outputs probabilities: logits has \d.*, and they are from 0 to 1"):
        add(file, "other", tmp_path / "models", wishes(tmp_path, outputs="probabilities"))
    assert not (tmp_path / "models" / "other").exists()


def test_one_number_must_be_said(tmp_path):
    file = classifier(tmp_path / "g.onnx", ("ReduceSum", ["sums", "one"], "logits", {}), outputs=[("logits", 1)])
    with pytest.raises(InvalidInput, match=r"logits has one number, which may be anything: say what with --outputs"):
        add(file, "mine", tmp_path / "models", wishes(tmp_path, "stars"))
    add(file, "mine", tmp_path / "models", wishes(tmp_path, "stars", outputs="numbers"))
    assert answered(tmp_path, "good bad good") == [{"label": "stars", "score": 6}]


def test_token_types_are_zeros(tmp_path):
    added = add(classifier(tmp_path / "g.onnx", LINEAR, types=True), "mine", tmp_path / "models", wishes(tmp_path))
    assert [one.name for one in added.manifest.inputs] == ["input_ids", "attention_mask", "token_type_ids"]
    assert scores(answered(tmp_path, "good")) == {"positive": GOOD, "negative": 1 - GOOD}


def test_a_text_is_as_long_as_the_graph_can_read(tmp_path):
    added = add(classifier(tmp_path / "g.onnx", LINEAR, places=40), "mine", tmp_path / "models", wishes(tmp_path))
    assert added.said[0] == "of a text it reads up to 40 tokens, and cannot compute more"
    assert config_of(tmp_path).max_tokens == 40
    with pytest.raises(InvalidInput, match=r"--max-tokens 41: the graph cannot read so many: Add: "):
        add(tmp_path / "g.onnx", "other", tmp_path / "models", wishes(tmp_path, max_tokens=41))


def test_a_text_is_as_long_as_the_tokenizer_says(tmp_path):
    given = wishes(tmp_path)
    tokenizer = Tokenizer.from_file(str(given.tokenizer))
    tokenizer.enable_truncation(128)
    tokenizer.save(str(given.tokenizer))
    added = add(word_counting_graph(tmp_path / "g.onnx"), "mine", tmp_path / "models", given)
    assert added.said[0] == "of a text it reads up to 128 tokens, as its tokenizer says; --max-tokens says otherwise"


def test_of_several_outputs_one_is_chosen(tmp_path):
    ends = [("Identity", ["sums"], "other", {}), ("Neg", ["sums"], "scores", {})]
    file = classifier(tmp_path / "g.onnx", *ends, outputs=[("other", 2), ("scores", 2)])
    with pytest.raises(InvalidInput, match="its outputs other and scores have 2 numbers each: say which with --output"):
        add(file, "mine", tmp_path / "models", wishes(tmp_path))
    add(file, "mine", tmp_path / "models", wishes(tmp_path, output="scores"))
    assert [one.name for one in ModelRepository(tmp_path / "models").read("mine", 1).outputs] == ["scores"]
    assert scores(answered(tmp_path, "good")) == {"positive": 1 - GOOD, "negative": GOOD}


def test_rows_that_influence_each_other_are_read_one_by_one(tmp_path):
    ends = [("ReduceMax", ["sums", "zero"], "most", {}), ("Add", ["sums", "most"], "logits", {})]
    added = add(classifier(tmp_path / "g.onnx", *ends), "mine", tmp_path / "models", wishes(tmp_path))
    assert added.manifest.batching.max_batch_size == 1
    assert added.unbatched == "ReduceMax makes one value of several rows, in its output most"


def test_padding_that_is_counted_is_found(tmp_path):
    """A mean over all tokens: beside a longer text a shorter one would have another answer."""
    nodes = [
        helper.make_node("Gather", ["weight", "input_ids"], ["by_token"]),
        helper.make_node("ReduceMean", ["by_token", "one"], ["mean"], keepdims=0),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=1),
        helper.make_node("ReduceMin", ["mask", "one"], ["least"], keepdims=1),
        helper.make_node("Mul", ["least", "zero"], ["nothing"]),
        helper.make_node("Add", ["mean", "nothing"], ["logits"]),
    ]
    file = save(
        tmp_path / "g.onnx",
        nodes,
        [(name, "INT64", ["batch", "tokens"]) for name in ("input_ids", "attention_mask")],
        [("logits", "FP32", ["batch", 2])],
        weight=np.array([LOGITS.get(word, (0.0, 0.0)) for word in WORDS], np.float32),
        one=np.array([1], np.int64),
        zero=np.zeros(1, np.float32),
    )
    added = add(file, "mine", tmp_path / "models", wishes(tmp_path, outputs="logits"))
    assert added.unbatched.startswith("logits of a row is another beside other rows")


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ("a\nb\nc\n", r"there are 3 names, and for one item the graph has logits 2 numbers"),
        ("a\n\n", r"labels\.txt: line 2 is empty"),
        ("\na\nb\n", r"labels\.txt: line 1 is empty"),
        ("a\n\u200b\n", r"labels\.txt: line 2 is empty"),
        ("a\na \n", r"labels\.txt: line 1 and line 2 are both 'a'"),
        ('["a", "b", "a"]', r"labels\.txt: name 1 and name 3 are both 'a'"),
        ("", r"labels\.txt: must hold names"),
    ],
)
def test_class_names_that_do_not_fit_are_refused_in_a_sentence(tmp_path, labels, says):
    with pytest.raises(InvalidInput, match=says):
        add(word_counting_graph(tmp_path / "g.onnx"), "mine", tmp_path / "models", wishes(tmp_path, labels))
    assert not (tmp_path / "models").exists()


def test_a_tokenizer_of_more_tokens_than_the_graph_reads_is_refused_with_both_numbers(tmp_path):
    given = wishes(tmp_path)
    tokenizer = Tokenizer(models.WordLevel({str(i): i for i in range(50)}, unk_token="0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(given.tokenizer))
    with pytest.raises(InvalidInput, match="--tokenizer: it knows 50 tokens, and the graph reads 7"):
        add(word_counting_graph(tmp_path / "g.onnx"), "mine", tmp_path / "models", given)


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path):
    given = wishes(tmp_path)
    Path(given.tokenizer).write_text("{}")
    with pytest.raises(InvalidInput, match=r"words\.json: is no tokenizer\.json that can be read: "):
        add(word_counting_graph(tmp_path / "g.onnx"), "mine", tmp_path / "models", given)


def test_a_graph_of_another_form_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"input_ids is INT64 of shape \[-1, 16\]; tokens of texts of any length"):
        add(classifier(tmp_path / "g.onnx", LINEAR, tokens=16), "mine", tmp_path / "models", wishes(tmp_path))
    node = [helper.make_node("Identity", ["x"], ["y"])]
    file = save(tmp_path / "x.onnx", node, [("x", "FP32", ["n", 2])], [("y", "FP32", ["n", 2])])
    with pytest.raises(InvalidInput, match=r"reads input_ids and attention_mask, .*; this one reads x"):
        add(file, "mine", tmp_path / "models", wishes(tmp_path))


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    ends = [("Sub", ["sums", "sums"], "nothing", {}), ("Log", ["nothing"], "logits", {})]
    with pytest.raises(InvalidArtifact, match="output logits has numbers that are not finite"):
        add(classifier(tmp_path / "g.onnx", *ends), "mine", tmp_path / "models", wishes(tmp_path))


def test_without_a_tokenizer_it_is_said_what_to_do(tmp_path):
    given = wishes(tmp_path)
    file = word_counting_graph(tmp_path / "g.onnx")
    with pytest.raises(InvalidInput, match="--tokenizer is needed of a graph that labels texts; --task tensors serves"):
        add(file, "mine", tmp_path / "models", Wishes(labels=given.labels))
    with pytest.raises(InvalidInput, match="--labels is needed"):
        add(file, "mine", tmp_path / "models", Wishes(tokenizer=given.tokenizer))
    added = add(file, "mine", tmp_path / "models", Wishes(labels=given.labels, task="tensors"))
    assert added.manifest.config["class_names"] == {"logits": ["negative", "positive"]}


def test_an_option_without_effect_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"--size is for models of tensors .*, and this becomes one of text-class"):
        add(word_counting_graph(tmp_path / "g.onnx"), "x", tmp_path / "models", wishes(tmp_path, sizes={"tokens": 3}))


def test_the_command_tells_what_was_found(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TESSERA_MODELS_DIR", str(tmp_path / "models"))
    file, given = word_counting_graph(tmp_path / "g.onnx"), wishes(tmp_path)
    options = ["--labels", str(given.labels), "--tokenizer", str(given.tokenizer), "--name", "mine"]
    assert main(["models", "add", str(file), *options, "--max-tokens", "64"]) == 0
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "rows of all requests share batches",
        "of a text it reads up to 64 tokens, as was said",
        "its output logits has logits, by its answers to a few items; --outputs says otherwise",
    ]


def test_its_answers_are_explained_as_those_of_any_classifier_of_texts(tmp_path):
    add(classifier(tmp_path / "g.onnx", SOFTMAX), "mine", tmp_path / "models", wishes(tmp_path))
    loaded = opened(tmp_path / "models", "mine")
    (explanation,) = [view for view in loaded.views if view.contract.name == "explanation"]
    reasons = predict_json(explanation, loaded.sessions, {"text": "a good film"}, {})
    assert reasons["label"] == "positive"
    assert [word["weight"] for word in reasons["words"]] == pytest.approx([0, 2, 0], abs=1e-3)
