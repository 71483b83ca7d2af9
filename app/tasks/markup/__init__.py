"""A marked-up text as a person reads it, and where every character of it stands in the source.

Text arrives as it was found: web pages, Markdown, mail, chats, subtitles, agency reports. Each stage of cleaning marks
characters as dropped in a copy of equal length, so that offsets stay true by construction. Every pattern takes time
linear in the text (repeated classes are disjoint or possessive), and is given pieces of the text, because other threads
wait while it runs.
"""
