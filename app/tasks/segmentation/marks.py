"""The marks that end sentences and what may follow them within the sentence."""

import re

# Unicode's Sentence_Terminal of living scripts, ellipses, and the Tibetan shad. Where a comma, a section sign or a
# decimal point is among them, the reason it is left out is that it ends no sentence by itself.
FINAL = (
    ".!?…⋯‼‽⁇⁈⁉"
    "։"  # Armenian
    "؟۔؝؞؟"  # Arabic and Urdu
    "܀܁܂"  # Syriac
    "।॥"  # Devanagari and its neighbours
    "။"  # Burmese
    "።፧፨"  # Ethiopic
    "។៕៖៚"  # Khmer
    "᠃᠉"  # Mongolian
    "།༎༏༐༑"  # Tibetan
    "᱾᱿꧉꯫᥄᥅᭞᭟᪨᪩᪪᪫꓿꘎꘏꛳꛷꡶꡷꣎꣏꤯꩝꩞꩟"  # Santali, Javanese, Meetei, Limbu, Balinese and others
    "。！？．｡︒﹒﹖﹗"
)
CLOSING = "\"'”’»›)]}）】〗〉》」』〕｝］”’＂＇*_"
OPENING = "\"'“‘„‚«‹([{（【〖〈《「『〔｛［¿¡"

# A citation belongs to the sentence before it: "[1]", "[1–3]", "[citation needed]", "¹".
_WORDS_OF_CITATIONS = (
    r"\d[\d,;:–—\-\s]{0,20}|\w|(?:note|nb|lower-alpha|fn|ref)\.? ?\d{1,3}|[^\[\]\n]{0,20}(?:needed|required|who\?"
    r"|when\?|which\?|by whom\?|where\?|why\?|clarify|sic|dubious|nécessaire|requerida|requerido|necesitada|benötigt"
    r"|fehlt|需要引用|来源请求|來源請求|要出典)[^\[\]\n]{0,20}"
)
_ADJACENT = r"(?:\[[^\[\]\n]{1,40}\](?!\()(?::\d{1,4}(?:[–-]\d{1,4})?+)?+)"  # "[12]:34" is page 34 of it
_APART = rf"(?:[ \u00a0]?\[(?:{_WORDS_OF_CITATIONS})\](?!\())"
CITATIONS = rf"(?:{_ADJACENT}|{_APART}|[\u00b9\u00b2\u00b3\u2070\u2074-\u2079†‡])*+"

_GREEK, _ARMENIAN = r"(?<=[\u0370-\u03ff\u1f00-\u1fff])[;\u037e]", r"(?<=[\u0531-\u0588]):"
END = rf"(?:[{re.escape(FINAL)}]|{_GREEK}|{_ARMENIAN})"
CLOSERS = rf"(?:[ \u00a0\u202f]?[{re.escape(CLOSING)}])*+"
ENDING = re.compile(rf"{END}{CLOSERS}{CITATIONS}\s*+\Z")
"""Matches at the end of what is written as a whole sentence."""
