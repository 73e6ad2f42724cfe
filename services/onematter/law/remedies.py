"""What a person can do against a decision (救济): ask for reconsideration, or go to court.

Rule 1: the periods are general knowledge, not checked: 60 days for 行政复议 (行政复议法, 2023, §20), 6 months for
行政诉讼 (行政诉讼法 §46), each from when the decision is known. Another law may give other ones for its matter.
"""

from __future__ import annotations

from onematter.law.matters import Names

RECONSIDERATION_DAYS = 60
LITIGATION_MONTHS = 6

RECONSIDERATION_BASIS: Names = {
    "zh-CN": "《行政复议法》第20条",
    "en": "Administrative Reconsideration Law, art. 20",
}
LITIGATION_BASIS: Names = {
    "zh-CN": "《行政诉讼法》第46条",
    "en": "Administrative Litigation Law, art. 46",
}
