"""The memory of large arrays and bodies goes back to the system."""

import ctypes

# Of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE_BYTES = 4_000_000


def return_large_blocks() -> None:
    """Give blocks of more than LARGE_BYTES back to the system when they are freed.

    By itself, glibc learns from the first large block that is freed to keep up to 64 MB of them, for each thread that
    ever had one: some hundred megabytes that nobody uses. Has no effect with other C libraries.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        library.mallopt(M_TRIM_THRESHOLD, 2 * LARGE_BYTES)
