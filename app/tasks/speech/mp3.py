"""The header for all of an MP3 file, Xing's: its first frame has it in place of sound, and it may know of less."""

TAG, TAG_BYTES = b"ID3", 10
MARKS = (b"Xing", b"Info")  # of variable and constant bit rates
LOOKED_AT = 64  # bytes of a frame, in which its mark lies
HAS_FRAMES, HAS_BYTES = 1, 2  # flags after the mark: numbers of 4 bytes each follow
MORE = 1.1  # times the bytes told: tags at the end are fewer


def of_all_frames(content: bytes) -> bytes:
    """Return an MP3 file whose header does not end it before its last frame.

    Of files that were put one behind the other the header is that of the first, and decoders believe it.
    """
    start = _end_of_tag(content)
    at = max(content.find(mark, start, start + LOOKED_AT) for mark in MARKS)
    if at < 0:
        return content
    flags, *numbers = (int.from_bytes(content[at + 4 * i : at + 4 * i + 4]) for i in range(1, 4))
    if not flags & HAS_FRAMES:
        return content
    told = numbers[1] if flags & HAS_BYTES else 0
    return content if len(content) - start <= MORE * told else content[:at] + bytes(4) + content[at + 4 :]


def _end_of_tag(content: bytes) -> int:
    """Where frames begin after a tag of ID3v2, whose size has 7 bits in each byte (id3.org, ID3v2.4.0, 3.1)."""
    if not content.startswith(TAG) or len(content) < TAG_BYTES:
        return 0
    size = 0
    for byte in content[TAG_BYTES - 4 : TAG_BYTES]:
        size = size << 7 | byte & 0x7F
    return TAG_BYTES + size
