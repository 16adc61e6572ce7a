"""The permission table: actions, and how far each role reaches with them. docs/PERMISSIONS.md is made from it."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

from cloud_bridge.store.users import Role


class Action(StrEnum):
    """What a person can do in the bridge."""

    SEE_PRESSES = "see_presses"
    LISTEN = "listen"
    LISTEN_LIVE = "listen_live"
    DOWNLOAD_SOUND = "download_sound"
    SEE_PICTURES = "see_pictures"
    SEE_CONTACTS = "see_contacts"
    EXPORT_ROWS = "export_rows"
    REVIEW = "review"
    SCORE = "score"
    ASK_OPERATOR = "ask_operator"
    ANSWER_QUESTION = "answer_question"
    SEE_CASES = "see_cases"
    WORK_CASES = "work_cases"
    MERGE_CASES = "merge_cases"
    CLOSE_CASES = "close_cases"
    WRITE_TO_CLIENT = "write_to_client"
    SEE_ALARMS = "see_alarms"
    ACKNOWLEDGE_ALARMS = "acknowledge_alarms"
    SEE_FIGURES = "see_figures"
    EXPORT_FIGURES = "export_figures"
    EDIT_CHECKLISTS = "edit_checklists"
    EDIT_RULES = "edit_rules"
    EDIT_NOTIFICATIONS = "edit_notifications"
    EDIT_STAFF = "edit_staff"
    EDIT_PLACES = "edit_places"
    SEE_BOXES = "see_boxes"
    IDENTIFY_BOXES = "identify_boxes"
    ENROL_BOXES = "enrol_boxes"
    UPDATE_BOXES = "update_boxes"
    SEE_QUARANTINE = "see_quarantine"
    SEE_ACCOUNTS = "see_accounts"
    EDIT_ACCOUNTS = "edit_accounts"
    MAKE_TOKENS = "make_tokens"
    SEE_AUDIT = "see_audit"
    SET_RETENTION = "set_retention"
    HOLD = "hold"
    EXPORT_PERSON = "export_person"
    DELETE_PERSON = "delete_person"


class Reach(StrEnum):
    """How far a role reaches with an action."""

    OWN = "own"
    PLACE = "place"
    COMPANY = "company"


WORDS = MappingProxyType(
    {
        Action.SEE_PRESSES: "see presses: list, details, comments",
        Action.LISTEN: "listen to a track in the page",
        Action.LISTEN_LIVE: "listen live and see the picture",
        Action.DOWNLOAD_SOUND: "download a track",
        Action.SEE_PICTURES: "see photos and emotional snapshots",
        Action.SEE_CONTACTS: "see a client's contact",
        Action.EXPORT_ROWS: "export presses, comments and cases",
        Action.REVIEW: "review: qualify, tag, rate",
        Action.SCORE: "fill check-lists",
        Action.ASK_OPERATOR: "ask an operator for details",
        Action.ANSWER_QUESTION: "answer such a question",
        Action.SEE_CASES: "see cases",
        Action.WORK_CASES: "work on cases: status, assignee, comments",
        Action.MERGE_CASES: "merge cases and undo it",
        Action.CLOSE_CASES: "close cases with cause and measure",
        Action.WRITE_TO_CLIENT: "write to a client",
        Action.SEE_ALARMS: "see alarms and their evidence",
        Action.ACKNOWLEDGE_ALARMS: "acknowledge alarms",
        Action.SEE_FIGURES: "see indices, charts and reports",
        Action.EXPORT_FIGURES: "export them, have them mailed",
        Action.EDIT_CHECKLISTS: "author check-lists and surveys",
        Action.EDIT_RULES: "set rules and the budget of false alarms",
        Action.EDIT_NOTIFICATIONS: "set who is notified, and webhooks",
        Action.EDIT_STAFF: "edit employees and shifts",
        Action.EDIT_PLACES: "edit sites, counters, calendars",
        Action.SEE_BOXES: "see boxes and their health",
        Action.IDENTIFY_BOXES: "let a box show itself",
        Action.ENROL_BOXES: "enrol boxes, withdraw their identities",
        Action.UPDATE_BOXES: "update boxes and change their settings",
        Action.SEE_QUARANTINE: "see refused messages",
        Action.SEE_ACCOUNTS: "see accounts and their roles",
        Action.EDIT_ACCOUNTS: "invite, change and disable accounts",
        Action.MAKE_TOKENS: "make tokens for programs",
        Action.SEE_AUDIT: "see the audit trail",
        Action.SET_RETENTION: "set how long data is kept",
        Action.HOLD: "keep a case's evidence from deletion",
        Action.EXPORT_PERSON: "export all of a person",
        Action.DELETE_PERSON: "delete a person",
    }
)
"""What each action is, for docs and for the page of accounts."""

_OWN, _PLACE, _COMPANY = Reach.OWN, Reach.PLACE, Reach.COMPANY

_OPERATOR = {
    Action.SEE_PRESSES: _OWN,
    Action.LISTEN: _OWN,
    Action.ANSWER_QUESTION: _OWN,
    Action.SEE_FIGURES: _OWN,
}
_SITE_MANAGER = {
    Action.SEE_PRESSES: _PLACE,
    Action.LISTEN: _PLACE,
    Action.SEE_PICTURES: _PLACE,
    Action.ANSWER_QUESTION: _PLACE,
    Action.SEE_CASES: _PLACE,
    Action.WORK_CASES: _PLACE,
    Action.SEE_ALARMS: _PLACE,
    Action.ACKNOWLEDGE_ALARMS: _PLACE,
    Action.SEE_FIGURES: _PLACE,
    Action.EXPORT_FIGURES: _PLACE,
    Action.EDIT_STAFF: _PLACE,
    Action.SEE_BOXES: _PLACE,
    Action.IDENTIFY_BOXES: _PLACE,
}
_QUALITY_MANAGER = _SITE_MANAGER | {
    Action.LISTEN_LIVE: _PLACE,
    Action.DOWNLOAD_SOUND: _PLACE,
    Action.SEE_CONTACTS: _PLACE,
    Action.EXPORT_ROWS: _PLACE,
    Action.REVIEW: _PLACE,
    Action.SCORE: _PLACE,
    Action.ASK_OPERATOR: _PLACE,
    Action.MERGE_CASES: _PLACE,
    Action.CLOSE_CASES: _PLACE,
    Action.WRITE_TO_CLIENT: _PLACE,
    Action.HOLD: _PLACE,
    Action.EDIT_CHECKLISTS: _COMPANY,
    Action.EDIT_RULES: _COMPANY,
    Action.EDIT_NOTIFICATIONS: _COMPANY,
}
_BUSINESS = {Action.SEE_FIGURES: _PLACE, Action.EXPORT_FIGURES: _PLACE}
_AUDITOR = {
    Action.SEE_ACCOUNTS: _COMPANY,
    Action.SEE_AUDIT: _COMPANY,
}
# An admin makes accounts, so withholding an action from the role would withhold it from nobody; the audit trail tells.
_ADMIN = _QUALITY_MANAGER | {action: _COMPANY for action in Action if action not in _QUALITY_MANAGER}

TABLE = MappingProxyType(
    {
        Role.OPERATOR: MappingProxyType(_OPERATOR),
        Role.SITE_MANAGER: MappingProxyType(_SITE_MANAGER),
        Role.QUALITY_MANAGER: MappingProxyType(_QUALITY_MANAGER),
        Role.BUSINESS: MappingProxyType(_BUSINESS),
        Role.ADMIN: MappingProxyType(_ADMIN),
        Role.AUDITOR: MappingProxyType(_AUDITOR),
    }
)
"""Role → action → reach; an action that a role lacks is refused to it."""
