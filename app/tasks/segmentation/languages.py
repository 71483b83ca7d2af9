"""The language of a piece of text, as far as the rules for its sentences differ."""

import re
from collections import Counter

# Letters of one language, or of several that end their sentences alike. The first of which there are enough counts.
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff\uff66-\uff9d]"), 0.05),
    ("zh", re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"), 0.3),
    ("ko", re.compile(r"[\uac00-\ud7a3\u1100-\u11ff]"), 0.2),
    ("th", re.compile(r"[\u0e00-\u0eff]"), 0.3),  # and Lao
    ("km", re.compile(r"[\u1780-\u17ff]"), 0.3),
    ("my", re.compile(r"[\u1000-\u109f]"), 0.3),
    ("bo", re.compile(r"[\u0f00-\u0fff]"), 0.3),
    ("hi", re.compile(r"[\u0900-\u097f]"), 0.3),
    ("bn", re.compile(r"[\u0980-\u09ff]"), 0.3),
    ("am", re.compile(r"[\u1200-\u137f]"), 0.3),
    ("hy", re.compile(r"[\u0531-\u058a]"), 0.3),
    ("el", re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]"), 0.3),
    ("uk", re.compile(r"[іїєґІЇЄҐ]"), 0.03),
    ("ru", re.compile(r"[\u0400-\u04ff]"), 0.3),
    ("he", re.compile(r"[\u0590-\u05ff]"), 0.3),
    ("ur", re.compile(r"[ٹڈڑںےہھ۔]"), 0.05),
    ("fa", re.compile(r"[پچژگیک]"), 0.05),
    ("ar", re.compile(r"[\u0600-\u06ff]"), 0.3),
)

# Words that no other of these languages has among its most common ones.
COMMON = {
    "en": "the of and to is was that for with it he she they you his her are were be this not have had but",
    "de": "der die das und ist nicht ein eine er sie es ich wir ihr dann am von mit auf dem den des zu im auch sich war"
    " wie aber nach bei aus wird sind hat danach dieser diese dieses jedoch hier dort",
    "fr": "le la les et est une des dans pour que qui il elle ne pas sur au aux du ce cette avec mais sont plus",
    "es": "el los las y es una del por que se no su al lo como más pero sus le ha muy está",
    "it": "il gli che di è un una per non con del della sono anche più nel alla ma si ha",
    "pt": "o os as e é um uma do da não em para com que se dos das mais mas foi ao pelo",
    "nl": "het een en van is dat niet op te zijn voor met maar ook aan door bij hij ze",
    "sv": "och att det som en på är av för inte med den till ett har de om",
    "da": "og at det er en på til af for ikke med den der et har de som",
    "pl": "i w nie na się z do jest że to jak co był ale oraz po za",
    "cs": "a se v je na že s z do o to jako ale byl pro není",
    "tr": "ve bir bu da de için ile çok ne daha gibi olarak ama",
    "fi": "ja on ei se että hän oli mutta kun ovat myös joka niin",
    "hu": "a az és hogy nem egy van is volt ez meg mint de",
    "ro": "și în de la cu nu este un o pe care din mai sunt",
    "vi": "và của là có không được cho trong người một các với này",
    "ru": "и в не на он она они что это с как но из у к за от по был была было потом затем мы вы я его",
    "uk": "і в не на він вона вони що це з як але та був було потім ми ви я його",
    "id": "dan yang di ini itu dengan untuk tidak dari adalah dalam pada",
}
_FEW_WORDS = 12  # of a text in which a single common word tells the language
_LANGUAGES_OF: dict[str, list[str]] = {}
for _language, _words in COMMON.items():
    for _word in _words.split():
        _LANGUAGES_OF.setdefault(_word, []).append(_language)


def language_of(text: str) -> str:
    """Return the code of the language, or of one whose sentences end alike; "en" where that cannot be told."""
    if not text.isascii():
        for language, letters, share in _SCRIPTS:
            if len(letters.findall(text)) > share * len(text.replace(" ", "")):
                return language
    words = set(re.findall(r"[^\W\d_]+", text.lower()))
    votes: Counter[str] = Counter()
    for word in words:
        votes.update(_LANGUAGES_OF.get(word, ()))
    best = max(COMMON, key=lambda language: votes[language])  # of equal ones the first, English
    return best if votes[best] > 1 or len(words) < _FEW_WORDS else "en"


def is_common(word: str, language: str) -> bool:
    """Whether `word` is one of the most common of a language, as a sentence may begin with."""
    return language in _LANGUAGES_OF.get(word.lower(), ())
