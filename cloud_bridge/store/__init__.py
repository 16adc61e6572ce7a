"""What the bridge remembers: tables, writing (idempotent by id), queries, users."""

# Whoever imports a module of this package has all tables: migrations are compared with all of them.
from cloud_bridge.store import tables_alarm as tables_alarm
from cloud_bridge.store import tables_case as tables_case
from cloud_bridge.store import tables_checklist as tables_checklist
from cloud_bridge.store import tables_enrol as tables_enrol
from cloud_bridge.store import tables_notify as tables_notify
from cloud_bridge.store import tables_org as tables_org
from cloud_bridge.store import tables_report as tables_report
from cloud_bridge.store import tables_retention as tables_retention
from cloud_bridge.store import tables_review as tables_review
from cloud_bridge.store import tables_snapshot as tables_snapshot
from cloud_bridge.store import tables_tally as tables_tally
from cloud_bridge.store import tables_token as tables_token
from cloud_bridge.store import tables_update as tables_update
