"""Texts of an interface and their translations, out of the catalogues of a package."""

import struct
from pathlib import Path

import pytest

from training.data import interface_texts
from training.data.catalogues import Pair
from training.data.interface_texts import load_interface_texts
from training.errors import TrainingError

HEAD = "Content-Type: text/plain; charset=UTF-8\n"


def write_catalogue(path: Path, texts: dict[str, str]) -> None:
    """In the binary form of GNU gettext (its manual, 10.3)."""
    pairs = sorted({"": HEAD, **texts}.items())
    count, at = len(pairs), 28 + 16 * len(pairs)
    tables, content = [b"", b""], b""
    for column in (0, 1):
        for pair in pairs:
            encoded = pair[column].encode()
            tables[column] += struct.pack("<II", len(encoded), at + len(content))
            content += encoded + b"\0"
    path.parent.mkdir(parents=True)
    path.write_bytes(
        struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0) + tables[0] + tables[1] + content
    )


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(interface_texts, "fetch", lambda package: tmp_path)
    write_catalogue(
        tmp_path / "django/conf/locale/pt_BR/LC_MESSAGES/django.mo",
        {
            "Enter a valid phone number.": "Informe um número de telefone válido.",
            "too short": "curto demais",
            "Save %(name)s and go on": "Salvar %(name)s e continuar",
            "Two lines\nof some more words": "Duas linhas\nde mais palavras",
            "The same in both languages": "The same in both languages",
            "a menu\x04Go back to the start": "Voltar ao início",
        },
    )
    return tmp_path


def test_texts_of_some_words_are_read_without_their_contexts(package):
    assert load_interface_texts("pt_BR") == [
        Pair("Enter a valid phone number.", "Informe um número de telefone válido."),
        Pair("Go back to the start", "Voltar ao início"),
    ]


def test_a_language_that_is_not_there_is_told(package):
    with pytest.raises(TrainingError, match="has no texts in xx"):
        load_interface_texts("xx")
