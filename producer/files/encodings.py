"""Detects the encoding of a text that is not UTF-8, by its marks, or by the letters of one language.

All Windows encodings give a meaning to nearly every byte. One is chosen only if all other readings are
ruled out: its letters must be those of a single language, and words do not mix scripts.
"""

import codecs
import re
from collections.abc import Iterable
from typing import Final

from producer.errors import InputError
from producer.files.csv_reader import NotUtf8Error

_KNOWN: Final = re.compile(
    r"utf-8|utf-16(-[lb]e)?|utf-32(-[lb]e)?|cp\d+|iso8859-\d+|koi8-[rtu]|mac-\w+|ptcp154|tis-620"
    r"|gbk|gb2312|gb18030|big5|big5hkscs|shift_jis|euc_\w+|johab"
)
_WESTERN: Final = (
    "áéíóúüñçàèòï äöüßé äåæøöé äöåé éèêëàâîïôùûüçœ áâãàçéêíóôõúü àèéìíîòóùú éëïöüáèê áéíóúýþæðö"
)
_LATIN: Final = {
    "cp1252": _WESTERN,
    "cp1250": "óąćęłńśźż áčďéěíňóřšťúůýž áäčďéíĺľňóôŕšťúýž áéíóöőúüű čćđšž ăâîşţ ëç",
    "cp1254": "çğıöşüâîû",
    "cp1257": "āčēģīķļņōŗšūž ąčęėįšųūž äöüõšž",
    "mac-roman": _WESTERN,
    "cp850": _WESTERN,
}
_OTHERS: Final = {
    "cp1251": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя абвгґдеєжзиіїйклмнопрстуфхцчшщьюя "
    "абвгдђежзијклљмнњопрстћуфхцчџш абвгдежзийклмнопрстуфхцчшщъьюя абвгдеёжзійклмнопрстуўфхцчшыьэюя",
    "cp1253": "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰ",
    "cp1255": "אבגדהוזחטיךכלםמןנסעףפץצקרשת",
}
"""Letters beyond ASCII of some languages of each encoding, one word per language."""
_MANY_LETTERS: Final = 4
"""Distinct letters beyond ASCII from which on a single language is taken for proven."""
_BESIDE: Final = frozenset("’‘“”–—…€£§°«»·´•™®©¿¡ªº\xa0\xad\u200e\u200f")  # noqa: RUF001
_ASCII: Final = bytes(range(128))
_PAIR: Final = re.compile(rb"(?=([A-Za-z\x80-\xff][\x80-\xff]|[\x80-\xff][A-Za-z]))")
_PAIR_BYTES: Final = 4 * 1024 * 1024  # of the blocks with such letters that are looked at for pairs
_WORD: Final = re.compile(rb"[^\s,;|\t\"]*[\x80-\xff][^\s,;|\t\"]*")


def named(name: str) -> str:
    """Python's name of a text encoding; raises InputError for any other."""
    try:
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        known = ""
    if not _KNOWN.fullmatch(known):
        raise InputError(
            f'"{name}" is no encoding that is known: give one such as utf-8, utf-16 or windows-1252'
        )
    return known


def by_marks(begin: bytes) -> str | None:
    """UTF-8, UTF-16 or UTF-32 by the first bytes of a text, or None."""
    if begin.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if begin.startswith(codecs.BOM_UTF8):
        return "utf-8"
    even, odd = begin[:512:2], begin[1:512:2]
    if len(odd) > 1 and odd.count(0) * 10 > len(odd) * 4 and not even.count(0):
        return "utf-16-le"
    if len(odd) > 1 and even.count(0) * 10 > len(even) * 4 and not odd.count(0):
        return "utf-16-be"
    return None


def recognise(blocks: Iterable[bytes], line: int) -> str:
    """The Windows encoding of a text that is not UTF-8 from `line` on.

    Raises:
        InputError: several encodings fit, or none.
    """
    used, pairs, word, looked_at = set[int](), set[bytes](), b"", 0
    for block in blocks:
        others = block.translate(None, _ASCII)
        used.update(others)
        if others and looked_at < _PAIR_BYTES:
            looked_at += len(block)
            pairs.update(_PAIR.findall(block))
        if others and not word and (example := _WORD.search(block)):
            word = example[0]
    high = bytes(sorted(used))
    all_ = (*_LATIN, *_OTHERS)
    found = [name for name in all_ if _may_be(name, high, pairs)]
    if not found or ("cp1252" not in found and _letters(high, found[0]) < _MANY_LETTERS):
        # Names of several languages stand in one file: Zoë and Søren are no Lithuanian.
        windows = [name for name in _LATIN if name.startswith("cp12")] if not found else ["cp1252"]
        found += [name for name in windows if _may_be(name, high, pairs, one_language=False)]
    readings = {high.decode(name): name for name in reversed(found)}
    if len(readings) == 1:
        return found[0]
    if not readings:
        raise NotUtf8Error(line)
    may_be = " or ".join(
        f'"{word.decode(name, "replace")}" ({name.replace("cp12", "windows-12")})'
        for name in readings.values()
    )
    raise InputError(
        f"line {line} is not UTF-8, and it is not clear in which encoding it is: {may_be}; say which "
        "with --encoding"
    )


def _letters(high: bytes, name: str) -> int:
    """Number of distinct letters, small and capital ones alike, without signs such as a dash."""
    return len({*high.decode(name).lower()} - _BESIDE)


def _may_be(name: str, high: bytes, pairs: Iterable[bytes], *, one_language: bool = True) -> bool:
    """True when one language of an encoding (or all together) explains the bytes of a text.

    Args:
        pairs: bytes with their neighbours.
    """
    try:
        text = high.decode(name)
    except UnicodeDecodeError:
        return False
    for pair in pairs:
        text_pair = pair.decode(name)
        first, second = text_pair[0], text_pair[1]
        mixed = first.isascii() != second.isascii() and first.isalpha() and second.isalpha()
        if (mixed and name in _OTHERS) or (first.islower() and second.isupper()):
            return False  # a word has letters of one script, and capitals at its start
    letters = {char for char in text if char not in _BESIDE}
    languages = (_LATIN.get(name) or _OTHERS[name]).split()
    known = languages if one_language else ["".join(languages)]
    return any(letters <= {*language, *language.upper()} for language in known)
