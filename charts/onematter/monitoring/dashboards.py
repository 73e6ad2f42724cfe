"""Write the Grafana dashboards beside this file: `python charts/onematter/monitoring/dashboards.py`.

A dashboard is a list of panels, a panel a title, a unit and its queries by legend. Where they stand follows from their
order: three to a row. A test holds the files to what this writes, and asks every query of a real Prometheus.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent / "dashboards"
WIDTH, HEIGHT, PER_ROW = 8, 8, 3
SOURCE = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True)
class Panel:
    """`unit` is Grafana's id of it; `queries` are PromQL by legend."""

    title: str
    unit: str
    queries: dict[str, str]
    kind: str = "timeseries"


@dataclass(frozen=True)
class Dashboard:
    """`variables`: a PromQL label query by the variable's name."""

    uid: str
    title: str
    panels: tuple[Panel, ...]
    variables: tuple[tuple[str, str], ...] = ()


def rate(metric: str, by: str, of: str = "") -> str:
    """A counter's rate, summed by labels; `of` narrows the series down."""
    return f"sum by ({by}) (rate({metric}{{{of}}}[5m]))"


def quantile(share: float, metric: str, of: str = "", by: str = "") -> str:
    """A quantile of a histogram."""
    labels = ", ".join(filter(None, ("le", by)))
    return f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket{{{of}}}[5m])))"


BY_RULE = 'automatic="true"'
JOB = 'job="$job"'
LEVEL = 'level="$level"'

OVERVIEW = Dashboard(
    "onematter-overview",
    "onematter: overview 总览",
    (
        Panel(
            "Hand-ins accepted 受理",
            "ops",
            {
                "accepted": 'clamp_min(sum(rate(onematter_events_total{type="MatterAccepted"}[5m]))'
                ' - (sum(rate(onematter_canary_duration_seconds_count{stage="submit"}[5m])) or vector(0)), 0)'
            },
        ),
        Panel("Results by outcome 办结", "ops", {"{{outcome}}": "onematter:results:rate5m"}),
        Panel("Sealed 归档", "ops", {"sealed": "onematter:seals:rate5m"}),
        Panel(
            "Hand-in → result, by rules alone 秒批秒办",
            "s",
            {f"p{int(q * 100)}": quantile(q, "onematter_matter_result_seconds", BY_RULE) for q in (0.5, 0.99)},
        ),
        Panel(
            "Hand-in → result, with people 全程",
            "s",
            {
                f"p{int(q * 100)}": quantile(q, "onematter_matter_result_seconds", 'automatic="false"')
                for q in (0.5, 0.9)
            },
        ),
        Panel(
            "Hand-in → sealed",
            "s",
            {f"p{int(q * 100)}": quantile(q, "onematter_matter_sealed_seconds") for q in (0.5, 0.99)},
        ),
        Panel("Tasks that wait, by level 在办", "short", {"{{level}}": "sum by (level) (onematter_open_tasks)"}),
        Panel(
            "Decisions across levels 审批", "ops", {"{{level}}, by rule {{automatic}}": "onematter:decisions:rate5m"}
        ),
        Panel(
            "Tasks past a deadline 逾期",
            "short",
            {"{{level}}, {{clock}}": "sum by (level, clock) (onematter_overdue_tasks)"},
        ),
        Panel("Notices 告知", "ops", {"{{kind}} {{result}}": rate("onematter_notices_total", "kind, result")}),
        Panel("Records not read yet", "short", {"{{job}}": "sum by (job) (onematter_lag_records)"}),
        Panel(
            "What waits for somebody",
            "short",
            {
                "parked streams, {{job}}": "max by (job) (onematter_parked_streams)",
                "dead letters in an hour, {{job}}": "sum by (job) (increase(onematter_dead_letters_total[1h]))",
            },
        ),
        Panel("gRPC calls that fail", "percentunit", {"{{job}}": "onematter:door_errors:ratio_rate5m"}),
        Panel(
            "Results later than 10 s, by rules alone", "percentunit", {"late": "onematter:stale_results:ratio_rate5m"}
        ),
        Panel(
            "What runs",
            "short",
            {"{{deployment}} {{version}}": "sum by (deployment, version) (onematter_build_info)"},
            "stat",
        ),
        Panel(
            "Self-check: since the last one came through 自检",
            "s",
            {"{{division}}": "time() - max by (division) (onematter_canary_last_success_timestamp_seconds)"},
        ),
        Panel(
            "Self-check: from hand-in to the end of each stage",
            "s",
            {"p99 {{stage}}": quantile(0.99, "onematter_canary_duration_seconds", by="stage")},
        ),
        Panel(
            "Self-check: runs, and failures by stage",
            "short",
            {
                "runs in an hour": "sum(increase(onematter_canary_runs_total[1h]))",
                "failed in an hour: {{stage}}": "sum by (stage) (increase(onematter_canary_failures_total[1h]))",
            },
        ),
    ),
)

SERVICE = Dashboard(
    "onematter-service",
    "onematter: a service",
    (
        Panel("Ready", "short", {"{{instance}}": f"onematter_ready{{{JOB}}}"}, "stat"),
        Panel("Lanes", "short", {"{{instance}}": f"onematter_lanes{{{JOB}}}"}),
        Panel("Records by what came of them", "ops", {"{{outcome}}": rate("onematter_records_total", "outcome", JOB)}),
        Panel("Events published", "ops", {"{{type}}": rate("onematter_events_total", "type", JOB)}),
        Panel(
            "Time of a step",
            "s",
            {f"p{int(q * 100)}": quantile(q, "onematter_step_duration_seconds", JOB) for q in (0.5, 0.99)},
        ),
        Panel("Records in a step", "short", {"p50": quantile(0.5, "onematter_step_size_records", JOB)}),
        Panel("Steps given up", "ops", {"{{reason}}": rate("onematter_steps_given_up_total", "reason", JOB)}),
        Panel("Records not read yet", "short", {"{{instance}}": f"onematter_lag_records{{{JOB}}}"}),
        Panel(
            "Age of what waits",
            "s",
            {
                "oldest record, {{instance}}": f"onematter_oldest_unprocessed_age_seconds{{{JOB}}}",
                "oldest unsent, {{instance}}": f"onematter_outbox_age_seconds{{{JOB}}}",
            },
        ),
        Panel("gRPC calls", "ops", {"{{method}} {{code}}": rate("onematter_door_requests_total", "method, code", JOB)}),
        Panel(
            "Time of gRPC calls",
            "s",
            {"p99 {{method}}": quantile(0.99, "onematter_door_duration_seconds", JOB, "method")},
        ),
        Panel("Timers overdue", "short", {"timers": f"max(onematter_timers_overdue{{{JOB}}})"}),
        Panel("Spans by what came of them", "ops", {"{{result}}": rate("onematter_spans_total", "result", JOB)}),
    ),
    (("job", "label_values(onematter_build_info, job)"),),
)

LEVELS = Dashboard(
    "onematter-level",
    "onematter: a level and its departments",
    (
        Panel(
            "Tasks that wait 在办",
            "short",
            {"{{department}}": f"sum by (department) (onematter_open_tasks{{{LEVEL}}})"},
        ),
        Panel(
            "Tasks past their promised time 超承诺时限",
            "short",
            {"{{department}}": f'sum by (department) (onematter_overdue_tasks{{{LEVEL},clock="promised"}})'},
        ),
        Panel(
            "Tasks past the legal time 超法定时限",
            "short",
            {"{{department}}": f'sum by (department) (onematter_overdue_tasks{{{LEVEL},clock="legal"}})'},
        ),
        Panel("Decisions 审批", "ops", {"{{department}}": rate("onematter_decisions_total", "department", LEVEL)}),
        Panel(
            "Share decided by rule 秒批率",
            "percentunit",
            {
                "{{level}}": f"({rate('onematter_decisions_total', 'level', f'{LEVEL},{BY_RULE}')}"
                f" or 0 * {rate('onematter_decisions_total', 'level', LEVEL)})"
                f" / ({rate('onematter_decisions_total', 'level', LEVEL)} > 0)"
            },
        ),
        # Supervision's indicators: the last 90 days, by the level that leads a matter.
        Panel(
            "Matters finished in 90 days 办结", "short", {"{{level}}": f"onematter_window_matters_finished{{{LEVEL}}}"}
        ),
        Panel(
            "Visits a matter in 90 days 跑动次数",
            "short",
            {"{{level}}": f"onematter_window_visits{{{LEVEL}}} / (onematter_window_matters_finished{{{LEVEL}}} > 0)"},
        ),
        Panel(
            "Matters by their visits in 90 days",
            "short",
            {"{{visits}}": f"onematter_window_matters_by_visits{{{LEVEL}}}"},
        ),
        Panel(
            "Hand-in → result in 90 days",
            "s",
            {
                f"p{int(q * 100)}": f"histogram_quantile({q}, "
                f"sum by (le) (onematter_window_result_latency_seconds_bucket{{{LEVEL}}}))"
                for q in (0.5, 0.99)
            },
        ),
        Panel(
            "Supervision: records by what became of them",
            "ops",
            {"{{outcome}}": rate("onematter_supervision_records_total", "outcome")},
        ),
        Panel("Supervision: records not read yet", "short", {"records": "max(onematter_supervision_lag_records)"}),
    ),
    (("level", "label_values(onematter_open_tasks, level)"),),
)

# What the brokers and the database say of themselves comes from the exporters that operators have beside them: Kafka's
# by the JMX exporter with deploy/prometheus/kafka.yml or Strimzi's own rules, PostgreSQL's by postgres_exporter.
OURS = 'datname!~"postgres|template.*"'

DEPENDENCIES = Dashboard(
    "onematter-dependencies",
    "onematter: Kafka and PostgreSQL, and shared data",
    (
        Panel("Kafka: records not read yet", "short", {"{{job}}": "sum by (job) (onematter_lag_records)"}),
        Panel("Kafka: age of what is not taken", "s", {"{{job}}": "max by (job) (onematter_outbox_age_seconds)"}),
        Panel("Kafka: lanes that moved", "short", {"{{job}}": "sum by (job) (changes(onematter_lanes[15m]))"}),
        Panel(
            "Kafka: records that came before",
            "ops",
            {"{{job}}": rate("onematter_records_total", "job", 'outcome="duplicates"')},
        ),
        Panel(
            "PostgreSQL: time of a step",
            "s",
            {"p99 {{job}}": quantile(0.99, "onematter_step_duration_seconds", by="job")},
        ),
        Panel("Steps given up", "ops", {"{{job}} {{reason}}": rate("onematter_steps_given_up_total", "job, reason")}),
        Panel(
            "Kafka itself: records in",
            "ops",
            {"{{topic}}": rate("kafka_server_brokertopicmetrics_messagesin_total", "topic")},
        ),
        Panel(
            "Kafka itself: bytes in",
            "Bps",
            {"{{topic}}": rate("kafka_server_brokertopicmetrics_bytesin_total", "topic")},
        ),
        Panel("Kafka itself: bytes kept", "bytes", {"{{topic}}": "sum by (topic) (kafka_log_log_size)"}),
        Panel(
            "Kafka itself: partitions without their copies",
            "short",
            {
                "fewer than there should be": "sum(kafka_server_replicamanager_underreplicatedpartitions)",
                "too few to write": "sum(kafka_server_replicamanager_underminisrpartitioncount)",
                "offline": "sum(kafka_server_replicamanager_offlinereplicacount)",
            },
        ),
        Panel(
            "Kafka itself: time of requests",
            "ms",
            {"p99 {{request}}": 'max by (request) (kafka_network_requestmetrics_totaltimems{quantile="0.99"})'},
        ),
        Panel(
            "Kafka itself: request handlers idle",
            "percentunit",
            {"{{instance}}": "kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent"},
        ),
        Panel(
            "PostgreSQL itself: transactions",
            "ops",
            {
                "committed, {{datname}}": rate("pg_stat_database_xact_commit", "datname", OURS),
                "rolled back, {{datname}}": rate("pg_stat_database_xact_rollback", "datname", OURS),
            },
        ),
        Panel(
            "PostgreSQL itself: size", "bytes", {"{{datname}}": f"max by (datname) (pg_database_size_bytes{{{OURS}}})"}
        ),
        Panel(
            "PostgreSQL itself: connections",
            "short",
            {"{{state}}": f"sum by (state) (pg_stat_activity_count{{{OURS}}})"},
        ),
        Panel(
            "PostgreSQL itself: read from memory",
            "percentunit",
            {
                "{{datname}}": f"{rate('pg_stat_database_blks_hit', 'datname', OURS)}"
                f" / ({rate('pg_stat_database_blks_hit', 'datname', OURS)}"
                f" + {rate('pg_stat_database_blks_read', 'datname', OURS)} > 0)"
            },
        ),
        Panel(
            "PostgreSQL itself: longest transaction",
            "s",
            {"{{state}}": f"max by (state) (pg_stat_activity_max_tx_duration{{{OURS}}})"},
        ),
        Panel(
            "PostgreSQL itself: deadlocks and files on disk",
            "ops",
            {
                "deadlocks, {{datname}}": rate("pg_stat_database_deadlocks", "datname", OURS),
                "temporary files, {{datname}}": rate("pg_stat_database_temp_files", "datname", OURS),
            },
        ),
        Panel("Hand-ins paused", "short", {"paused": "max(onematter_submissions_paused)"}, "stat"),
        Panel(
            "Archive: matters worked out again", "ops", {"{{result}}": rate("onematter_self_audits_total", "result")}
        ),
        Panel(
            "Shared data: calls",
            "ops",
            {"{{source}} {{result}}": rate("onematter_sharing_calls_total", "source, result")},
        ),
        Panel(
            "Shared data: time of calls",
            "s",
            {"p99 {{source}}": quantile(0.99, "onematter_sharing_call_duration_seconds", by="source")},
        ),
        Panel(
            "Shared data: what came of it",
            "ops",
            {"{{source}} {{result}}": rate("onematter_sharings_total", "source, result")},
        ),
        Panel(
            "Shared data: what waits",
            "short",
            {"calls due": "max(onematter_sharing_calls_due)", "circuits open": "max(onematter_sharing_circuits_open)"},
        ),
    ),
)

DASHBOARDS = (OVERVIEW, SERVICE, LEVELS, DEPENDENCIES)


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    return {
        "id": number + 1,
        "type": panel.kind,
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": {
            "x": WIDTH * (number % PER_ROW), "y": HEIGHT * (number // PER_ROW), "w": WIDTH, "h": HEIGHT,
        },
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for place, (legend, query) in enumerate(panel.queries.items())
        ],
    }  # fmt: skip


def document(dashboard: Dashboard) -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    source = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    variables = [
        {"name": name, "type": "query", "datasource": SOURCE, "query": query, "refresh": 2, "sort": 1}
        for name, query in dashboard.variables
    ]
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["onematter"],
        "schemaVersion": 38,
        "timezone": "Asia/Shanghai",
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": [source, *variables]},
        "panels": [_panel(number, panel) for number, panel in enumerate(dashboard.panels)],
    }


def text(dashboard: Dashboard) -> str:
    """The file's text."""
    return json.dumps(document(dashboard), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for one in DASHBOARDS:
        (HERE / f"{one.uid}.json").write_text(text(one))
