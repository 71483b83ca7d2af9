"""Whether a body is a file as it is: judged by its bytes, since clients often name another type, or none."""

FILES = ("image/", "audio/", "application/octet-stream")  # how types of files begin
BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"fLaC", b"OggS", b"ID3")  # of files that we read
MARK = b"\xef\xbb\xbf"  # that some editors put before JSON
LOOKED_AT = 1000  # bytes at its start


def is_file(body: bytes, content_type: str) -> bool:
    """Return whether `body` is a file rather than JSON or a form; `content_type` decides where its bytes do not."""
    start = body[:LOOKED_AT].removeprefix(MARK).lstrip()
    if start.startswith(BEGINNINGS):
        return True
    if start.startswith(b"{"):  # as no file does that could be meant
        return False
    if content_type.startswith("multipart/"):
        return False
    # Of another kind of file it is said later that it cannot be read, which JSON's fault would hide.
    return content_type.startswith(FILES) or b"\0" in start or start[:1] >= b"\x80"
