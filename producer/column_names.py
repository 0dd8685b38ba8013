"""Recognises columns by their names, compared without case and punctuation.

`Phone Number `, `phone_number` and `PHONE-NUMBER` are one name. A name means the phone number if it
consists of known words, one of which means a phone: `Mobile phone`, `Telefon (privat)`, `Phone 1 -
Value`; `Phone type` and `Fax number` are not.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from chatapps.rendering.placeholders import fold_name

_LONGEST = 60  # most characters of a recognised name

_CHANNEL: Final = "msisdn e164 whatsapp whatsappid waid channeluserid"
_MOBILE: Final = """
    mobile mobiles mob mobil mobiel mobilni mobilny mobiltel mobilfunk cell cellphone cellular cellulare
    cellulaire cel celular celulares handy handynr natel gsm portable portatile movil smartphone iphone
    handphone hp sms matkapuhelin kannykka komorka komorkowy komorkowego komorkowa cep
    мобильный мобильного мобильний сотовый сотового κινητο κινητου
    手机 手機 手机号 手機號碼 移动电话 行動電話 携帯 携帯電話 휴대폰 휴대전화 핸드폰
    جوال الجوال موبايل الموبايل محمول المحمول נייד मोबाइल มือถือ didong di động
"""
_PHONE: Final = """
    phone phones telephone telephones tel telf tlf tfn tele fon telefon telefono telefone telefoon
    telefonu telefonnummer telefoonnummer rufnummer ruf puhelin puhelinnumero telefonszam telefonnr
    telefonni телефон телефона телефону тел τηλεφωνο τηλεφωνου τηλ טלפון هاتف الهاتف
    تليفون التليفون تلفن تلفون फोन दूरभाष โทร โทรศัพท์ เบอร์โทร điện thoại sdt telepon telpon
    电话 電話 电话号码 電話號碼 전화 연락처
"""
_BESIDE: Final = """
    number numbers num nr no n nos nummer numer numeru numero numeros nro numara numarasi numar
    broj cislo szam номер номера αριθμος رقم رقمي מספר नंबर संख्या หมายเลข
    เบอร์ so 号 号码 號碼 番号
    번호 nombor nomor of the de di du da do del la le el il l der die das and und y e et
    my your main primary preferred private personal work business company office home other default
    contact customer client cliente clienti clientes member user lead guest patient student parent
    subscriber person people billing shipping delivery order address value full formatted international
    intl with plus raw clean kunde kunden kontakt mitglied empfanger privat geschaftlich dienstlich haupt
    client personnel professionnel domicile travail trabajo casa lavoro ufficio particular principal
    contacto contatto contato klient klienta jalan 1 2 3 4 5 wa
"""
_WEAK: Final = """
    number numbers num nummer numero numer nr номер 番号 号码 to recipient recipients receiver
    destination dest empfanger destinatario destinataire
"""
_CALLING_CODE: Final = """
    callingcode countrycallingcode dialcode dialingcode diallingcode phonecode phonecountrycode
    phonecountry mobilecountrycode mobilecountry countryprefix internationalprefix landervorwahl
    landesvorwahl indicatif indicatifpays prefijopais prefixopais prefissointernazionale codigoddi ddi
    telefonlandkode 国家代码 国际区号
"""
_COUNTRY: Final = """
    country countrycode countryiso countryiso2 countryisocode countryregion countryname isocountry
    isocountrycode isocode iso2 iso3166 isoalpha2 land landkode landcode landeskennung landerkurzel
    landerkennzeichen landercode staat pays codepays pais codigopais codigodopais paese codicepaese
    nazione kraj kodkraju zeme krajina orszag tara maa ulke ulkekodu страна кодстраны країна χωρα דולה
    מדינה دولة الدولة بلد البلد देश ประเทศ quốc gia negara 国家 國家 国 국가 nation
"""


def number_rank(name: str) -> int:
    """Rank of a name as that of the phone number's column; 0 if it is not."""
    folded = fold_name(name)
    return _made_of(folded, _NUMBER_WORDS) or int(folded in _WEAK_NAMES)


def country_rank(name: str) -> int:
    """Rank of a name as that of the country's column; 0 if it is not."""
    return _made_of(fold_name(name), _COUNTRY_WORDS)


def _words(ranks: Mapping[str, int]) -> dict[str, int]:
    return {
        fold_name(word): rank
        for text, rank in ranks.items()
        for word in text.split()
        if fold_name(word)
    }


_NUMBER_WORDS: Final = _words({_BESIDE: 0, _PHONE: 2, _MOBILE: 3, _CHANNEL: 4})
_COUNTRY_WORDS: Final = _words({_BESIDE: 0, _COUNTRY: 1, _CALLING_CODE: 2})
_WEAK_NAMES: Final = frozenset(_words({_WEAK: 1}))


def _made_of(name: str, words: Mapping[str, int]) -> int:
    """The best rank among the words that make up the whole name; 0 if they do not."""
    if len(name) > _LONGEST:
        return 0
    best = {0: 0}
    for start in range(len(name)):
        if start not in best:
            continue
        for end in range(start + 1, len(name) + 1):
            rank = words.get(name[start:end])
            if rank is not None:
                best[end] = max(best.get(end, 0), best[start], rank)
    return best.get(len(name), 0)


def quoted(names: Iterable[str]) -> str:
    """`"a", "b" and "c"`."""
    *first, last = (f'"{name}"' for name in names)
    return f"{', '.join(first)} and {last}" if first else last
