"""Detects opt-outs in what people write; the provider has no event for them.

The provider's own workflow looks for STOP anywhere, in capitals (provider docs, inbound messages): that
treats "don't stop" as an opt-out and misses "Stop.". Here the whole message has to be an opt-out word,
in any case and with any punctuation; a word inside a longer message is left to a person to judge.
"""

import re
import unicodedata
from collections.abc import Set
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple


class OptOut(StrEnum):
    """Verdict whether a message asks for no more messages."""

    YES = "yes"  # suppress the person
    MAYBE = "maybe"  # a person should decide
    NO = "no"


OPT_OUT_WORDS: Final = frozenset(
    {
        # English, understood nearly everywhere
        *("stop", "stop all", "unsubscribe", "opt out", "remove me", "unsub"),
        *("baja", "darme de baja", "no molestar"),  # Spanish
        *("sair", "descadastrar", "remover", "parar"),  # Portuguese
        *("arrêt", "arrêter", "désabonner", "désinscription", "désinscrire"),  # French
        *("stopp", "abmelden", "abbestellen", "austragen"),  # German
        *("disiscrivimi", "cancellami", "cancella iscrizione"),  # Italian
        *("afmelden", "uitschrijven"),  # Dutch
        *("avregistrera", "avsluta", "afmeld", "meld av"),  # Swedish, Danish, Norwegian
        *("wypisz", "rezygnuję", "zrezygnuj"),  # Polish
        *("стоп", "отписаться", "отпишите"),  # Russian
        "durdur",  # Turkish
        *("berhenti", "henti"),  # Indonesian, Malay
        *("tigil", "itigil", "hinto"),  # Filipino
        *("từ chối", "dừng", "ngừng"),  # Vietnamese
        *("หยุด", "ยกเลิกรับข่าวสาร"),  # Thai
        *("退订", "退訂", "取消订阅", "取消訂閱", "停止"),  # Chinese
        *("配信停止", "配信解除", "停止してください"),  # Japanese
        *("수신거부", "중지", "그만"),  # Korean
        *("बंद करें", "रोकें", "बंद करो"),  # Hindi
        *("إيقاف", "توقف", "الغاء الاشتراك", "إلغاء الاشتراك"),  # Arabic
    }
)
"""Whole messages that are an opt-out beyond doubt."""

DOUBTFUL_WORDS: Final = frozenset(
    {
        *("cancel", "end", "quit", "cancelar", "annuler", "annulla", "anuluj", "stornieren"),
        *(
            "iptal",
            "batal",
            "hủy",
            "ยกเลิก",
            "取消",
            "解除",
            "キャンセル",
            "취소",
            "отмена",
            "إلغاء",
        ),
    }
)
"""Whole messages that may refer to an appointment instead of the messages."""

START_WORDS: Final = frozenset(
    {
        *("start", "unstop", "subscribe", "opt in", "resume"),
        *("alta", "iniciar", "inscrever", "démarrer", "anmelden", "inizia", "aanmelden"),
        *("mulai", "mula", "bắt đầu", "เริ่ม", "订阅", "訂閱", "開始", "시작", "başlat", "старт"),
    }
)
"""Whole messages that withdraw an opt-out."""


def is_opt_out(
    text: str | None,
    words: Set[str] = OPT_OUT_WORDS,
    doubtful: Set[str] = DOUBTFUL_WORDS,
) -> OptOut:
    """Classify a message as an opt-out.

    Args:
        text: the message, or the title of the tapped button.
        words: whole messages that mean YES; MAYBE where they stand inside a longer one.
        doubtful: whole messages that mean MAYBE.
    """
    said = _fold(text or "")
    if not said:
        return OptOut.NO
    wanted = _word_list(frozenset(words))
    if wanted.is_all_of(said):
        return OptOut.YES
    if wanted.is_part_of(said) or _word_list(frozenset(doubtful)).is_all_of(said):
        return OptOut.MAYBE
    return OptOut.NO


def is_start(text: str | None, words: Set[str] = START_WORDS) -> bool:
    """True when the whole message asks for messages again."""
    said = _fold(text or "")
    return bool(said) and _word_list(frozenset(words)).is_all_of(said)


class _WordList(NamedTuple):
    """Words, case-folded once."""

    whole: frozenset[str]  # without spaces
    inside: tuple[str, ...]  # padded like the words of a message that has a space at both ends

    def is_all_of(self, said: str) -> bool:
        """True when the message is one of the words, in any spacing (`S T O P`), or nothing but
        words."""
        return said.replace(" ", "") in self.whole or all(
            token in self.whole for token in said.split(" ")
        )

    def is_part_of(self, said: str) -> bool:
        padded = f" {said} "
        return any(word in padded for word in self.inside)


@lru_cache(maxsize=64)
def _word_list(words: frozenset[str]) -> _WordList:
    folded = sorted(filter(None, map(_fold, words)))
    return _WordList(
        frozenset(word.replace(" ", "") for word in folded), tuple(map(_inside, folded))
    )


def _inside(word: str) -> str:
    """In scripts with spaces only a whole word counts: not the one in `nonstop`."""
    return word if _UNSPACED.search(word) else f" {word} "


# Thai, Lao, Burmese, Khmer; Japanese; Chinese.
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_ACCENT: Final = re.compile("[\u0300-\u036f\ufe00-\ufe0f]")
_MAX_TEXT: Final = 4_096  # characters; WhatsApp has no longer messages


def _fold(text: str) -> str:
    """Lower case, without accents and punctuation, words one space apart."""
    bare = _ACCENT.sub("", unicodedata.normalize("NFKD", text[:_MAX_TEXT].casefold()))
    letters = unicodedata.normalize("NFKC", bare).casefold()
    return " ".join("".join(map(_letter_or_space, letters)).split())


def _letter_or_space(letter: str) -> str:
    """Emoji count as punctuation; invisible characters are dropped."""
    category = unicodedata.category(letter)
    if category == "Cf":
        return ""
    return letter if category[0] in "LMN" else " "
