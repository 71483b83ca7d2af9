"""Descriptions of packages and their lines: read as Debian writes them, cleaned, and in splits of whole sources."""

from pathlib import Path

import pytest

from training.data.software_lines import Described, Packaged, as_described, fault_of, in_splits, packaged, split_of

TEXT = "Draws the folders of a disk as rings around the one that was chosen, and opens each of them by a click."
LINE = "draws folders of a disk as rings"
PACKAGES = "Package: rings\nSource: rings-src (1.2)\nDescription-md5: a1\n\nPackage: other\nDescription-md5: b2\n"
DESCRIPTIONS = """Package: rings
Description-md5: a1
Description-en: draws rings: folders
 Shows a disk
 as rings.
 .
 It reads:
  * disks of
    its own
  * others
"""


def test_descriptions_are_joined_by_their_digest(tmp_path: Path) -> None:
    for name, text in (("p", PACKAGES), ("d", DESCRIPTIONS)):
        (tmp_path / name).write_text(text)
    (found,) = packaged(tmp_path / "p", tmp_path / "d")
    assert (found.source, found.name) == ("rings-src", "rings")
    assert found.described == as_described(DESCRIPTIONS.partition("-en: ")[2].strip())


def test_paragraphs_and_items_stay_apart() -> None:
    found = as_described("a line\n One\n two.\n .\n Three:\n  * four\n  * five")
    assert found == Described("One two.\n\nThree:\n* four\n* five", "a line")


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        (TEXT, LINE, ""),
        (TEXT, "draws folders of a disk (transitional package)", "without content"),
        ("Too short to tell.", LINE, "descriptions too short"),
        (TEXT * 20, LINE, "descriptions too short or too long"),
        (TEXT, "rings", "lines too short"),
        (TEXT, "fast viewer for astronomers and pilots", "what the description does not"),
    ],
)
def test_what_cannot_be_learned_from_is_left_out(text: str, line: str, fault: str) -> None:
    found = fault_of(Described(text, line))
    assert found.startswith(fault) or fault in found
    assert bool(found) == bool(fault)


def test_all_versions_of_a_source_are_in_one_split() -> None:
    assert split_of("gcc-11") == split_of("gcc-12") == split_of("gcc")
    splits = [split_of(f"source{chr(97 + i % 26)}{chr(97 + i // 26)}") for i in range(600)]
    assert 10 < splits.count("test") < 60
    assert 10 < splits.count("validation") < 60


def test_near_copies_and_more_of_a_source_are_left_out_and_counted() -> None:
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lamda"]
    letters = [f"{a}{b}" for a in "bcdfghjk" for b in "aeiou"]

    def text(i: int) -> str:
        own = [f"{word}{letters[i]}{letters[-i]}" for word in words]
        return " ".join([*own, *own[::-1]])

    found = [
        Packaged(f"s{letters[i]}", f"p{letters[i]}", Described(text(i), " ".join(text(i).split()[:4])))
        for i in range(40)
    ]
    held_out = next(one for one in found if split_of(one.source) != "train")
    taught = next(one for one in found if split_of(one.source) == "train")
    copy = taught._replace(name="copy", described=held_out.described._replace(text=held_out.described.text + " more"))
    several = [
        taught._replace(name=f"q{i}", described=taught.described._replace(text=f"{taught.described.text} {i}"))
        for i in range(5)
    ]
    splits = in_splits([*found, copy])
    assert splits.counts["near copies of later splits, out of train"] == 1
    assert copy.described not in splits.train
    assert held_out.described in splits.test + splits.validation
    assert in_splits([taught, *several]).counts["more of a source"] == 3
