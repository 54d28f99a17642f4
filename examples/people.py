"""Made-up insured persons and employers: names with every tone mark, and plausible numbers that are nobody's.

Forms of numbers follow docs/glossary.md. Names come in families that differ in their tones only (Đức, Dục,
Dực), because that is what finding a Vietnamese name has to get right.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass

SURNAMES = (
    "Nguyễn",
    "Trần",
    "Lê",
    "Phạm",
    "Hoàng",
    "Huỳnh",
    "Phan",
    "Vũ",
    "Võ",
    "Đặng",
    "Bùi",
    "Đỗ",
    "Hồ",
    "Ngô",
    "Dương",
    "Lý",
)
MIDDLE_MEN = ("Văn", "Đức", "Hữu", "Quốc", "Minh", "Thành", "Xuân", "Công")
MIDDLE_WOMEN = ("Thị", "Thị Ngọc", "Thị Thu", "Thị Kim", "Ngọc", "Thanh", "Thị Bích", "Thuỳ")

# Each row holds names that are one and the same without their marks.
GIVEN_MEN = (
    ("Đức", "Dục", "Dực"),
    ("Hùng", "Hưng", "Hứng"),
    ("Tuấn", "Tuân", "Tuần"),
    ("Bình", "Bính"),
    ("Quý", "Quỳ", "Quy"),
    ("Sơn", "Son"),
    ("Thắng", "Thăng"),
    ("Đạt", "Dật", "Đát"),
    ("Cường", "Cương", "Cưỡng"),
    ("Lân", "Lẫn"),
    ("Khoa", "Khoả"),
)
GIVEN_WOMEN = (
    ("Hồng", "Hông", "Hổng"),
    ("Hà", "Hạ", "Hả"),
    ("Thảo", "Thao", "Thạo"),
    ("Thu", "Thư", "Thụ"),
    ("Hương", "Hường", "Hưởng"),
    ("Lan", "Lân", "Làn"),
    ("Mai", "Mái", "Mãi"),
    ("Ngà", "Nga", "Ngạ"),
    ("Yến", "Yên"),
    ("Liên", "Liễn"),
    ("Nhàn", "Nhạn"),
)
EMPLOYERS = (
    "Công ty TNHH May mặc Phương Đông",
    "Công ty Cổ phần Thuỷ sản Biển Xanh",
    "Công ty TNHH Điện tử Sao Mai",
    "Hợp tác xã Vận tải Đồng Tâm",
    "Công ty Cổ phần Xây dựng Hoà Bình Mới",
    "Trường Trung học phổ thông Lê Lợi",
    "Công ty TNHH Giày da Thành Đạt",
    "Công ty Cổ phần Dược phẩm An Khang",
    "Doanh nghiệp tư nhân Cơ khí Tân Tiến",
)

# Multipliers without a factor of 2 or 5 walk through every number of that many digits before one comes again.
_STEP_8_DIGITS = 38_748_781
_STEP_6_DIGITS = 387_481


@dataclass(frozen=True, slots=True)
class Person:
    """A made-up insured person. ``citizen`` agrees with place, sex and year of birth, as real numbers do."""

    name: str
    is_woman: bool
    birth_date: dt.date
    social_insurance: str
    citizen: str

    @property
    def honorific(self) -> str:
        """How a decision addresses the person."""
        return "Bà" if self.is_woman else "Ông"


@dataclass(frozen=True, slots=True)
class Employer:
    """A made-up employer."""

    name: str
    tax_code: str


def make_person(seed: int, number: int) -> Person:
    """Return person ``number`` of a seed; persons 0 and 1, 2 and 3 … have names that differ in tones only.

    Numbers are unique for the first million persons of a seed.

    >>> make_person(1, 0) == make_person(1, 0)
    True
    >>> (make_person(7, 0).name, make_person(7, 1).name)
    ('Lý Hữu Quý', 'Lý Hữu Quỳ')
    """
    family = random.Random(f"{seed}:family:{number // 2}")
    own = random.Random(f"{seed}:person:{number}")
    is_woman = family.random() < 0.5
    surname = family.choice(SURNAMES)
    middle = family.choice(MIDDLE_WOMEN if is_woman else MIDDLE_MEN)
    given = family.choice(GIVEN_WOMEN if is_woman else GIVEN_MEN)[number % 2]
    birth_date = dt.date(own.randint(1948, 1998), 1, 1) + dt.timedelta(days=own.randrange(365))
    first = random.Random(seed).randrange(10**8)
    place = own.choice(("001", "048", "049", "079"))
    return Person(
        name=f"{surname} {middle} {given}",
        is_woman=is_woman,
        birth_date=birth_date,
        social_insurance=f"{own.choice(('01', '48', '79'))}{(first + number * _STEP_8_DIGITS) % 10**8:08d}",
        citizen=f"{place}{int(is_woman)}{birth_date:%y}{(first + number * _STEP_6_DIGITS) % 10**6:06d}",
    )


def make_employer(seed: int, number: int) -> Employer:
    """Return employer ``number`` of a seed.

    >>> len(make_employer(1, 0).tax_code)
    10
    """
    own = random.Random(f"{seed}:employer:{number}")
    first = random.Random(seed + 1).randrange(10**8)
    return Employer(own.choice(EMPLOYERS), f"03{(first + number * _STEP_8_DIGITS) % 10**8:08d}")


def make_signer(draw: random.Random) -> str:
    """Return the name of a made-up official."""
    if draw.random() < 0.4:
        return f"{draw.choice(SURNAMES)} {draw.choice(MIDDLE_WOMEN)} {draw.choice(GIVEN_WOMEN)[0]}"
    return f"{draw.choice(SURNAMES)} {draw.choice(MIDDLE_MEN)} {draw.choice(GIVEN_MEN)[0]}"
