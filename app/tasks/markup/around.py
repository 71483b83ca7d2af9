"""The words around an article, in English and Chinese: cookies, authors, agencies, titles."""

import re

from app.tasks.markup.prose import Stage, drop, substitute
from app.tasks.segmentation.marks import CLOSING, FINAL

_LABEL = r"(?-i:[A-Z\u0400-\U0010ffff])[\w &'’-]{0,40}+"
BOILERPLATE = re.compile(
    r"^[ \t]*+(?:"
    + "|".join(
        (
            r"(?:we|(?:this|our) (?:web)?site) uses? cookies\b.{0,200}",
            r"(?:accept|manage|reject)(?: all)?(?: cookies| preferences)",
            r"(?:subscribe|sign up)(?: now)? (?:to|for) .{0,60}(?:newsletters?|updates|channel|alerts)\b.{0,60}",
            r"(?:.{0,80}[ .])?all rights reserved\b.{0,60}",
            r"(?:copyright(?: notice)?:? ?(?:\(c\)|©|\d{4}|by\b)|\(c\) ?\d{4}|©).{0,120}",
            r"(?:share|tweet|print|email)(?: this(?: (?:article|story|page|post|video|link))?)?"
            r"(?: (?:on|via) \w+| with friends)?",
            r"follow us(?: on .{0,60})?",
            r"(?:read|see|learn|show) (?:more|also|next)(?::.{0,120})?",
            r"(?:related|recommended|popular|trending)(?: (?:articles?|stories|posts|topics|links))",
            r"click here\b.{0,80}",
            r"advertisements?|sponsored(?: content)?|loading",
            r"skip to (?:main |the )?content",
            r"(?:privacy|cookie) policy|terms (?:of|and) (?:use|service|conditions)",
            r"(?:last )?(?:updated|published|posted)(?: on| at|:)? (?:[a-z]{3,9},? ){0,2}\d[\w ,.:/+-]{0,25}",
            r"\d{1,3} min(?:ute)?s? read",
            r"(?:photo|image|picture)(?: credit| by)?:.{0,120}",
            r"by (?-i:[A-Z])[\w.'’-]*+(?: (?:and|de|van|von|(?-i:[A-Z])[\w.'’-]*+)){1,6}(?:[,|].{0,60})?",
            rf"(?:{_LABEL}[>›»→][ \t]*+){{1,20}}{_LABEL}",
            r"(?:作者|记者|来源|编辑|责任编辑|责编|原标题)[:：].{0,60}",
            r"版权所有.{0,60}|未经.{0,20}授权.{0,40}|(?:点击|扫码|关注).{0,30}(?:公众号|二维码|查看更多)|分享到.{0,30}",
        )
    )
    + r")[.!…。！]{0,3}[ \t]*+$",
    re.MULTILINE | re.IGNORECASE,
)
_AGENCY = r"(?:[A-Z][\w .,'’/-]{0,60}+)?\([A-Z][A-Za-z .]{1,24}+\)[ \t]*+(?:--?|[–—])[ \t]*+"
_PLACE = r"[A-Z]{3}[A-Z .'’]{0,40}+(?:,[ \t][A-Z][\w. ]{1,20}?)?[ \t]*+(?:--|[–—])[ \t]++(?=[\"“‘A-Z0-9])"
_CHINESE_AGENCY = (
    r"(?=[^\n]{0,12}[社网报台])[^，。！？\n]{0,20}\d{1,2}月\d{1,2}日[电讯]"
    r"(?:[ \t]*+[（(][^（()）\n]{0,40}+[）)])?[ \t]*+"
)
TITLE = r"(?<![^\n]\n)^(?P<title>[^\n]{1,80})\n(?=(?P<below>[^\n]*+))"
MUCH_MORE = 30  # characters: some words that a wrapped line would have had room for
_UNFINISHED = ",;:，；：、-"


def _without_title(match: re.Match[str]) -> str:
    """Drop a line above a paragraph that ends though much more of the paragraph would have fitted on it."""
    title, below = match["title"].strip(), match["below"]
    starts_anew = below[:1].isupper() or below[:1] > "\u2e7f"
    is_title = title and title.rstrip(CLOSING)[-1:] not in FINAL + _UNFINISHED and len(below) > len(title) + MUCH_MORE
    return drop(match)[:-1] + "\n" if is_title and starts_anew else match[0]


BOILERPLATE_LINES: Stage = substitute(BOILERPLATE.pattern, drop, re.MULTILINE | re.IGNORECASE)
ADDRESSES: Stage = substitute(r"^[ \t]*+(?:https?://|www\.)\S++$", drop)
# Only above a paragraph's first words: "IBM — Big Blue — rose" is a sentence, too, but seldom a paragraph's first.
DATELINES: Stage = substitute(rf"(?<![^\n]\n)^[ \t]*+(?:{_AGENCY}|{_PLACE}|{_CHINESE_AGENCY})", drop)
TITLES: Stage = substitute(TITLE, _without_title)
