"""The stories of test_paths: their register, and the small catalogue in which they play.

A story is a function that is given a world and returns the matter that it is about. It runs once in a session, for
whoever asks first: the test that reads it, or the coverage of states.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from tests.stories.catalogues import catalogue, item, material, matter_type
from tests.stories.world import World

from onematter.law.catalogue import Catalogue
from onematter.law.divisions import Level
from onematter.law.matters import OpinionRule

Story = Callable[[World], str]
STORIES: dict[str, Story] = {}

FORM = material("form", "申请表")
PLAN = material("plan", "总平面图", trust_class="B")
TITLE = material("title", "不动产权证书", trust_class="C")
REPORT = material("report", "检测报告", tolerant=True)
LICENCE = material("licence", "营业执照", trust_class="A", share_source="market")
ASKED = OpinionRule(("fire", "water"), 1, True)

WINDOW = "OM-81"
PLAIN = "OM-82"
PLEDGED = "OM-83"
ASKING = "OM-84"
VISITED = "OM-85"
ALL_OR_NOTHING = "OM-86"
JOINT = "OM-87"
ELSEWHERE = "OM-88"
SHARED = "OM-89"


def story(made: Story) -> Story:
    """Register a story under its name."""
    assert made.__name__ not in STORIES
    STORIES[made.__name__] = made
    return made


@cache
def told(name: str) -> tuple[World, str]:
    """The world in which a story has happened, and its matter."""
    world = World(small_catalogue())
    return world, STORIES[name](world)


@cache
def small_catalogue() -> Catalogue:
    """One matter for each thing that a matter can have."""
    county, city, province = Level.COUNTY, Level.CITY, Level.PROVINCE
    land = item(
        "01", county, "planning", "用地规划许可", produces_certificates=("land_permit",), materials=(FORM, PLAN)
    )
    water = item("02", city, "water", "取水许可", materials=(PLAN, REPORT))
    needs = ("land_permit",)
    environment = item("03", province, "environment", "环评审批", needs_certificates=needs, materials=(FORM, TITLE))
    return catalogue(
        matter_type([land, water], code=WINDOW, name="窗口受理示例", acceptance="window"),
        matter_type([land, water, environment], code=PLAIN, name="三级联办示例"),
        matter_type(
            [
                item("01", county, "market", "经营许可", materials=(FORM, TITLE), pledge=True, supervised_by="market"),
                item("02", city, "fire", "消防检查", materials=(FORM,)),
            ],
            code=PLEDGED,
            name="告知承诺示例",
        ),
        matter_type(
            [
                item("01", county, "planning", "建设许可", materials=(FORM,), opinions=ASKED),
                item("02", city, "water", "排水许可", materials=(FORM,)),
            ],
            code=ASKING,
            name="征求意见示例",
        ),
        matter_type(
            [
                item("01", county, "market", "经营许可", materials=(FORM,), joint_visit_group="premises"),
                item("02", city, "fire", "消防检查", materials=(FORM,), joint_visit_group="premises"),
                item("03", county, "housing", "招牌备案", depends_on=("01",), joint_visit_group="premises"),
            ],
            code=VISITED,
            name="一同勘验示例",
        ),
        matter_type(
            [
                item("01", county, "planning", "用地规划许可", materials=(FORM,), denial="matter"),
                item("02", city, "water", "取水许可", materials=(FORM,)),
                item("03", province, "environment", "环评审批", depends_on=("02",)),
            ],
            code=ALL_OR_NOTHING,
            name="一项不予全件终止示例",
        ),
        matter_type(
            [
                item("01", county, "planning", "建设许可", materials=(FORM,)),
                item("02", city, "water", "排水许可", materials=(FORM,)),
            ],
            code=JOINT,
            name="联合办理示例",
            joint=True,
            promised_days=30,
        ),
        matter_type(
            [item("01", county, "police", "户口迁移", materials=(FORM, TITLE))],
            code=ELSEWHERE,
            name="跨省通办示例",
            cross_region=("remote", "relayed", "joint"),
        ),
        matter_type(
            [
                item("01", county, "market", "食品经营许可", materials=(FORM, LICENCE)),
                item("02", city, "fire", "消防检查", materials=(LICENCE,)),
            ],
            code=SHARED,
            name="免证办示例",
        ),
    )
