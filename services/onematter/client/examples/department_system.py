"""A department's own system: takes its tasks from the topic and publishes its decisions, instead of using the inbox.

Run: KAFKA_BOOTSTRAP_SERVERS=localhost:9092 python -m onematter.client.examples.department_system
"""

from onematter.client import OneMatter

LEVEL, DIVISION, DEPARTMENT = "city", "330100", "water_resources"
MIN_CHARACTERS = 2


def main(idle_seconds: float | None = None) -> int:
    """Decide every task of the department as it opens; return how many, when none came for `idle_seconds`."""
    decided = 0
    with OneMatter(principal="hangzhou-water-system") as om:
        for task in om.tasks(LEVEL, DIVISION, DEPARTMENT, group_id="hangzhou-water-system", idle_seconds=idle_seconds):
            project = task.opened.application.facts["project_name"].text
            if len(project) >= MIN_CHARACTERS:
                task.grant("水土保持方案符合要求，准予。")
            else:
                task.deny("项目名称不完整。", basis=["《行政许可法》第38条"])
            decided += 1
    return decided


if __name__ == "__main__":
    main()
