"""Stemming from many threads at once: the local stack and its Map states do that."""

from concurrent.futures import ThreadPoolExecutor

from chalicelib.writer.languages import stem


def test_threads_stem_alike() -> None:
    words = [f"{w}{n}ing" for n in range(400) for w in ("compar", "reliab", "hik", "grind", "brew")]
    alone = [stem.__wrapped__(w, "en") for w in words]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda w: stem.__wrapped__(w, "en"), words))
    assert together == alone
