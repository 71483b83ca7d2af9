"""Abbreviations of many languages that `sentencex` does not know, or takes for ends of sentences.

They hold whatever the language: a text may mix several, and a short one does not tell which it is. All in lower case,
without the last full stop.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Written with a capital, where the script has any; a name follows.
TITLES = _words(
    "dr drs prof mr mrs ms mx messrs rev hon gen col lt sgt capt cpt cmdr maj adm gov sen rep pres supt mt ste"
    " hr fr frl dipl dipl.-ing ing mag mme mmes mlle mlles mgr sra sres srta sig sigg sig.ra dott dott.ssa prof.ssa avv"
    " geom dhr mevr exmo exma dl judr mudr tp ths ts doç yrd г-н г-жа др акад проф доц κα δρ καθ"
    " डॉ श्री श्रीमती प्रो कु डा ডা ড মো د أ"
)

# Within a sentence, whatever follows.
WITHIN = _words(
    "approx ca env aprox incl inkl einschl excl exkl zzgl bzw resp esp viz vs cf vgl sog ggf evtl evt e.g i.e z.b d.h"
    " u.a p.ex p.ej v.a m.a.w d.w.z bijv o.a f.eks t.ex dvs d.v.s bl.a np tzn tj tzw m.in např tzv örn bkz напр"
    " т.е т.к π.χ δηλ βλ ul św geb gest hrsg ул пр-т просп пер вул св avda"
)

# Within a sentence if a number follows: "Fig. 3", "p. 5", "Nr. 7", "Jan. 5".
BEFORE_A_NUMBER = _words(
    "no nos nr nrs num núm nº n° fig figs abb tab eq eqs vol vols bd ch chap cap kap sec sect § art arts par para"
    " abs p pp pág págs pag pagg s ss op ver ext tel fax apt rm pt hal bl blz č čl str"
    " стр рис табл гл ст п пп д кв корп том вып"
    " αρ σελ εικ lk klo jan feb mar apr jun jul aug sep sept oct nov dec"
)

# Within a sentence if a small letter follows: they may end one, too.
BEFORE_A_SMALL_LETTER = _words(
    "etc usw ecc enz osv itd itp atd aj vb al inc ltd co corp bros jr sr hrs hr min sec lb lbs oz sq est dept univ gmbh"
    " mio mrd mill tsd r др пр тыс млн млрд руб коп г гг в вв ст κ.λπ"
)

# The last word of a sentence if a capital follows that a name would not begin with.
LAST = _words("usw etc ecc enz osv itd itp atd vb т.д т.п д п др пр г гг вв руб")
