"""English words that the checks of written sentences know: those that say nothing, that deny, that are opposites."""

_SAYING_NOTHING = """
a an the this that these those it its he him his she her hers they them their we us our you your i me my who whom
whose which what when where why how and or but nor so if than then as at by for from in into of off on onto out over
per to upon with within without about after again against all also am among any are be because been before being
below between both can could did do does doing done during each few had has have having here however just may
might more most much must no not now only other own same shall should some such there through too toward towards
under until very was were while will would yet said say says saying
"""
FUNCTION_WORDS = frozenset(_SAYING_NOTHING.split())

_DENYING = """
no not never none nobody nothing nowhere neither nor without cannot deny denies denied denying denial refuse refuses
refused refusing refusal reject rejects rejected rejecting rejection unable fail fails failed failing
"""
NEGATIONS = frozenset(_DENYING.split())

IRREGULAR = {
    "fell": "fall", "fallen": "fall", "rose": "rise", "risen": "rise", "won": "win", "lost": "lose", "bought": "buy",
    "sold": "sell", "grew": "grow", "grown": "grow", "began": "begin", "begun": "begin", "went": "go", "gone": "go",
    "gave": "give", "given": "give", "took": "take", "taken": "take", "made": "make", "held": "hold", "paid": "pay",
    "met": "meet", "told": "tell", "led": "lead", "left": "leave", "kept": "keep", "found": "find", "brought": "bring",
    "became": "become", "came": "come", "ran": "run", "wrote": "write", "written": "write", "spoke": "speak",
    "broke": "break", "broken": "break", "chose": "choose", "chosen": "choose", "men": "man", "women": "woman",
    "children": "child", "people": "person",
}  # fmt: skip

OPPOSITES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("deny", "refuse", "reject", "oppose"), ("admit", "confirm", "accept", "agree", "approve", "support")),
    (
        ("rise", "increase", "grow", "climb", "gain", "jump", "soar", "higher", "growth", "up"),
        ("fall", "decrease", "shrink", "drop", "decline", "lose", "loss", "slump", "lower", "reduce", "cut", "down"),
    ),
    (("win", "victory"), ("lose", "defeat", "loss")),
    (("buy", "purchase", "acquire"), ("sell", "sale", "divest")),
    (("profit", "surplus"), ("loss", "deficit")),
    (("open", "reopen", "start", "begin"), ("close", "shut", "stop", "end")),
    (("export",), ("import",)),
    (("north", "northern"), ("south", "southern")),
    (("east", "eastern"), ("west", "western")),
    (("guilty", "convict"), ("innocent", "acquit")),
    (("alive", "survive"), ("dead", "die", "kill")),
    (("strong", "strengthen"), ("weak", "weaken")),
    (("allow", "permit"), ("ban", "forbid", "prohibit")),
    (("possible", "likely", "able"), ("impossible", "unlikely", "unable")),
)
