"""What notices say in English; the rules of `wording_zh` hold here too."""

from __future__ import annotations

from collections.abc import Mapping

END = " Matter number: {matter_number}; to follow it: {matter_id}."
_SUPPLY = " Supply them online, by app, by post or at any window; no trip is needed."
_REMEDY = " Whoever disagrees may ask for administrative reconsideration or go to court, as the law provides."
_OUTSTANDING = (
    "[ You promised to supply later: {outstanding}. They must be here before the promised deadline of the items that"
    " use them; after it the decision rests on what is there.]"
)

TEXTS: Mapping[str, tuple[str, str]] = {
    "matter_received": (
        "Received: {matter_name}",
        "Your matter “{matter_name}” and its materials are received.[ By {acceptance_day} you hear whether it is"
        " accepted, or everything that must be corrected; without an answer it is accepted as of the day of"
        " receipt.]" + _OUTSTANDING,
    ),
    "matter_accepted": (
        "Accepted: {matter_name}",
        "Your matter “{matter_name}” is accepted. Its items ({item_count}) are handled by all departments at the"
        " same time; whatever else is needed of you, you are told." + _OUTSTANDING,
    ),
    "matter_accepted_by_silence": (
        "Accepted: {matter_name}",
        "Your matter “{matter_name}” was not answered within five working days and is therefore accepted as of the"
        " day of its receipt[, {accepted_day}] (Administrative Licensing Law, art. 32). Its items ({item_count}) are"
        " handled by all departments at the same time." + _OUTSTANDING,
    ),
    "correction_asked": (
        "Please correct: {matter_name}",
        "“{matter_name}” needs these corrections: {needs}. This is everything."
        + _SUPPLY
        + " The time to accept it begins anew when they are here.",
    ),
    "item_correction_asked": (
        "Please correct: {matter_name}",
        "Item “{item_name}” of “{matter_name}” needs these corrections: {needs}. This is everything."
        + _SUPPLY
        + " The clock of this item stands still until then; the other items go on.",
    ),
    "materials_supplied": (
        "Received: materials of {matter_name}",
        "Materials of “{matter_name}” are received: {materials}.[ Still missing: {missing}.][ By {acceptance_day} you"
        " hear whether it is accepted.]",
    ),
    "acceptance_refused": (
        "Not accepted: {matter_name}",
        "“{matter_name}” is not accepted.[ Reasons: {reason}.][ Basis: {basis}.][ Competent is {competent_body};"
        " please apply there.]" + _REMEDY,
    ),
    "acceptance_refused_not_required": (
        "Not accepted: {matter_name}",
        "“{matter_name}” needs no approval by law and is not accepted; you may go ahead.[ Reasons: {reason}.][ Basis:"
        " {basis}.]" + _REMEDY,
    ),
    "supplement_due": (
        "Materials to follow: {matter_name}",
        "Item “{item_name}” of “{matter_name}” is in a department's hands. You promised to supply {outstanding}[;"
        " please do so by {promised_day}]. After that the decision rests on what is there." + _SUPPLY,
    ),
    "item_granted": (
        "Progress: {matter_name}",
        "Item “{item_name}” of “{matter_name}” is granted; the other items go on.[ Result: {details}.]",
    ),
    "item_denied": (
        "Progress: {matter_name}",
        "Item “{item_name}” of “{matter_name}” is denied.[ {details}.][ Not handled any more for it: {lapsed}.]",
    ),
    "item_transferred": (
        "Progress: {matter_name}",
        "Item “{item_name}” of “{matter_name}” is now handled by {department}[, because: {reason}]. Its time does not"
        " change, and you need not hand in again.",
    ),
    "item_visited": (
        "Progress: {matter_name}",
        "The site visit of item “{item_name}” of “{matter_name}” took place on {visit_day} and was passed.[ Found:"
        " {finding}.][ It does for {told_items} too; no other visit is made.]",
    ),
    "item_visited_not_passed": (
        "Progress: {matter_name}",
        "The site visit of item “{item_name}” of “{matter_name}” took place on {visit_day} and was not passed.["
        " Found: {finding}.][ It concerns {told_items} too.]",
    ),
    "special_procedure": (
        "Special procedure: {matter_name}",
        "Item “{item_name}” of “{matter_name}” needs {procedure}[, about {days} working days][, because: {reason}]."
        " This time does not count (Administrative Licensing Law, art. 45); the other items go on.",
    ),
    "clock_resumed": (
        "The clock goes on: {matter_name}",
        "The clock of item “{item_name}” of “{matter_name}” goes on[; promised by {promised_day}][; by law by"
        " {legal_day}].[ The department asks for no more corrections and decides on what is there: {lifted}.]",
    ),
    "item_extended": (
        "Extended: {matter_name}",
        "The time of item “{item_name}” of “{matter_name}” is extended by {days} working days[, to {legal_day}].["
        " Reasons: {reason}.] (Administrative Licensing Law, art. 42)",
    ),
    "deadline_recomputed": (
        "Progress: {matter_name}",
        "The days off were announced, so the time of item “{item_name}” of “{matter_name}” is computed anew[;"
        " promised by {promised_day}][; by law by {legal_day}].",
    ),
    "matter_deadlines_recomputed": (
        "Progress: {matter_name}",
        "The days off were announced, so the time of “{matter_name}” is computed anew[; an answer whether it is"
        " accepted comes by {acceptance_day}][; promised by {promised_day}][; by law by {legal_day}].",
    ),
    "matter_extended": (
        "Extended: {matter_name}",
        "The time of “{matter_name}” is extended by {days} working days[, to {legal_day}], approved by the {rank}.["
        " Reasons: {reason}.] (Administrative Licensing Law, art. 42 para. 2)",
    ),
    "matter_overdue_promised": (
        "Progress: {matter_name}",
        "“{matter_name}” was not concluded within the promised time ({deadline_day}). This is on record and followed"
        " up; the decision still comes within the legal time. You need not do anything.",
    ),
    "matter_overdue_legal": (
        "Progress: {matter_name}",
        "“{matter_name}” was not concluded within the legal time ({deadline_day}). This is on record, and its"
        " handling goes on." + _REMEDY,
    ),
    "sharing_failed": (
        "Materials needed: {matter_name}",
        "“{matter_name}” needs {materials}, which {department} holds and you should not be asked for, but {failure}."
        " So that nothing waits, please supply it this once; it is booked on that department." + _SUPPLY,
    ),
    "sharing_failed_here": (
        "Materials needed: {matter_name}",
        "“{matter_name}” needs {materials}, which {department} holds and you should not be asked for, but our data"
        " exchange is away now. So that nothing waits, please supply it this once." + _SUPPLY,
    ),
    "matter_withdrawn": (
        "Progress: {matter_name}",
        "Your withdrawal has arrived; “{matter_name}” is stopped and its items are called back.",
    ),
    "matter_voided": ("Voided: {matter_name}", "“{matter_name}” is void and stopped.[ Reasons: {reason}.]" + _REMEDY),
    "matter_granted": (
        "Result: {matter_name}",
        "Your matter “{matter_name}” is concluded; every item is granted.[ Results: {grants}.][ {delivery}.]",
    ),
    "matter_partly_denied": (
        "Result: {matter_name}",
        "Your matter “{matter_name}” is concluded; some items are granted. Not granted: {missed_items}.[ {denials}.]["
        " Results: {grants}.][ {delivery}.]",
    ),
    "matter_denied": (
        "Result: {matter_name}",
        "Your matter “{matter_name}” is concluded; nothing is granted. Not granted: {missed_items}.[ {denials}.]",
    ),
    "matter_closed_withdrawn": (
        "Result: {matter_name}",
        "“{matter_name}” is withdrawn as you asked, and concluded.[ Granted before: {grants}.]",
    ),
    "matter_closed_voided": ("Result: {matter_name}", "“{matter_name}” is void, and concluded.[ Reasons: {reason}.]"),
    "matter_closed": ("Result: {matter_name}", "Your matter “{matter_name}” is concluded."),
    "matter_delivered": (
        "Delivered: {matter_name}",
        "The result of “{matter_name}” was {way}[, reference {reference}].",
    ),
    "item_revoked": (
        "Revoked: {matter_name}",
        "Item “{item_name}” of “{matter_name}” was granted on a pledge. It was found not to be kept, and the grant is"
        " revoked.[ Found: {finding}.][ Basis: {basis}.]" + _REMEDY,
    ),
    "item_revoked_recorded": (
        "Revoked: {matter_name}",
        "Item “{item_name}” of “{matter_name}” was granted on a pledge. It was found not to be kept; the grant is"
        " revoked, and the credit record says so.[ Found: {finding}.][ Basis: {basis}.] A credit record can be"
        " repaired." + _REMEDY,
    ),
    "matter_progress": ("Progress: {matter_name}", "There is news of your matter “{matter_name}”."),
}

PHRASES: Mapping[str, str] = {
    "list": "; ",
    "clauses": "; ",
    "need": "{material}[ ({reason})][ (not visible before, because: {because})]",
    "document": "{name} (No. {number}, {issuer}[, from {valid_from}][ to {valid_until}])",
    "conditions": "conditions: {conditions}",
    "supervisor": "supervised by {supervisor}",
    "pledged": "granted on your pledge, which will be verified",
    "reasons": "reasons: {reasons}",
    "basis": "basis: {basis}",
    "remedy": "you may ask for reconsideration within {days} days of receiving it, or sue within {months} months",
    "of_item": "“{item_name}”: {details}",
    "post": "The result comes by post[, by {delivery_day} at the latest]",
    "counter": "Please collect the result at the counter that you chose[, where it is by {delivery_day} at the latest]",
    "delivered_e_certificate": "delivered by e-certificate",
    "delivered_post": "delivered by post",
    "delivered_counter": "collected at the counter",
    "hearing": "a hearing",
    "tender": "a tender",
    "auction": "an auction",
    "inspection": "an inspection",
    "testing": "a test",
    "quarantine": "quarantine",
    "appraisal": "an appraisal",
    "expert_review": "an expert review",
    "special": "a special procedure",
    "refused": "it did not share it",
    "not_found": "it did not find it",
    "timed_out": "it did not share it in time",
    "away": "its system cannot be reached now",
    "failed": "it did not share it",
    "staff": "official in charge",
    "section_head": "head of section",
    "department_head": "head of the authority",
    "government_head": "head of the government of its level",
    "approver": "authority competent for it",
}
