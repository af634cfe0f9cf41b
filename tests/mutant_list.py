"""The mutants of tests/mutants.py: each a mistake that somebody could make in one line, and who must notice it.

`old` stands exactly once in `file`. Name the narrowest tests that should catch it: each run costs their time.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Mutant:
    name: str
    why: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def m(name: str, why: str, file: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(name=name, why=why, file=file, old=old, new=new, tests=tests)


SCOPES, FILING, DECISIONS, OUTBOX = (
    f"tests/apps/test_{name}.py" for name in ("scopes", "filing", "decisions", "outbox")
)
AUDIT, SEALS, TRIGGERS, FIXITY = (
    f"tests/apps/test_{name}.py" for name in ("audit", "seals", "triggers", "fixity")
)
VIEWER, PAGE = "tests/apps/test_viewer.py", "tests/apps/test_record_page.py"
METADATA, EXAMINE, PROFILES = (
    f"tests/pure/test_{name}.py" for name in ("metadata_checks", "examine", "profiles")
)
SEGMENTS, KEYS = "tests/pure/test_segments.py", "tests/apps/test_object_keys.py"
JOURNEY = "tests/journeys/test_way_of_a_package.py"
SEARCH = "tests/contracts/test_search.py"
TRUTH = "test_random_questions_under_random_scopes_and_filters_find_and_count_exactly_the_truth"

MUTANTS = [
    # Who may see and do what
    m("scope-dropped", "every list shows every record",
      "archive/models/objects.py", "return self.filter(scope.q())", "return self.all()", SCOPES),
    m("security-dropped-from-query", "lists show what the reader is not cleared for",
      "archive/scopes.py", "q = Q(fonds__code=self.fonds, security__lte=self.security)", "q = Q(fonds__code=self.fonds)", SCOPES),
    m("insurance-dropped-from-tokens", "the search shows what the lists do not",
      "archive/scopes.py", '            ("i", self.insurances),\n', "", SCOPES),
    m("search-scope-dropped", "the index is asked without the reader's scope",
      "search/engine/_database.py", "clauses = scope.token_filter()", "clauses = None", f"{SEARCH}::{TRUTH}"),
    m("search-total-unscoped", "totals and facets tell how much others hold",
      "search/engine/_database.py", "facets, inexact, newest = self._count(query, scope, wanted)",
      "facets, inexact, newest = self._count(query, Scope(everything=True), _Wanted.of(query, Scope(everything=True)))",
      f"{SEARCH}::{TRUTH}"),
    m("recheck-after-search-skipped", "a stale index shows what has left the reader's scope",
      "search/access.py", "Record.objects.visible_to(scope)\n", "Record.objects.all()\n", f"{OUTBOX}::test_a_record_that_left_a_readers_scope_is_not_shown_though_the_index_still_has_it"),
    m("gate-open", "a record's address opens it for anybody who may read something",
      "archive/records.py", '(\n        Record.objects.visible_to(actor.scope("record.read"))\n        .select_related("fonds", "department")', "(\n        Record.objects.all()\n        .select_related('fonds', 'department')", f"{PAGE}::test_a_record_of_another_department_is_not_found_and_tells_nothing"),
    m("download-right-unasked", "whoever may look may take the original away",
      "search/viewing.py", 'records.get_for(actor, record, "record.download")', 'records.get_for(actor, record, "record.read")', f"{VIEWER}::test_an_original_is_given_unchanged_to_whoever_may_and_refused_with_the_reason_to_others"),
    m("number-without-purpose", "identity numbers are shown to whoever opens the page",
      "config/record_page.py", "reveal=may_reveal and purpose is not None", "reveal=may_reveal", f"{PAGE}::test_every_tab_opens_and_no_number_stands_on_it"),
    # Personal data
    m("number-stored-in-clear", "identity numbers lie readable in the database",
      "archive/records.py", "id_no=privacy.encrypt(new.id_no)", "id_no=new.id_no", FILING),
    m("description-stored-in-clear", "what a pack marks as personal lies readable in the database",
      "archive/records.py", "if isinstance(value, str) and value and (inside or privacy.mask_text(value) != value):", "if False:", FILING),
    m("title-not-masked", "a number in a title is shown in every list",
      "archive/records.py", "title=privacy.mask_text(new.title)[:300]", "title=new.title[:300]", FILING),
    m("finding-not-masked", "the report that goes back shows the wrong number in full",
      "archive/profiles/_judge.py", "return privacy.mask_number(text[:SHOWN_LENGTH]) if personal else privacy.mask_text(text)[:SHOWN_LENGTH]",
      "return text[:SHOWN_LENGTH]", METADATA),
    m("ledger-not-masked", "what was searched for stands in the ledger in full",
      "archive/audit.py", "    if isinstance(value, str):\n        return mask_text(value)\n", "    if isinstance(value, str):\n        return value\n", "tests/apps/test_ledger_entries.py"),
    # Filing and keeping
    m("counter-not-saved", "two records get one number",
      "archive/numbering.py", '    counter.save(update_fields=["last"])\n', "", FILING),
    m("number-outside-transaction", "a number drawn for nothing leaves a gap for ever",
      "archive/numbering.py", "if not transaction.get_connection().in_atomic_block:", "if False:", FILING),
    m("create-not-atomic", "a fault in the last row leaves half a record",
      "archive/records.py", "@transaction.atomic\ndef create(", "def create(", FILING),
    m("read-back-skipped", "a copy counts as kept though its bytes are others",
      "archive/copying.py", "if _digest(stream) != (item.sha256, item.bytes):", "if False:", FILING),
    m("lock-not-read-back", "a store that keeps another lock is believed",
      "archive/storage/local.py", "if (written.bytes, written.lock_until) != (size, until):", "if written.bytes != size:",
      "tests/contracts/test_storage_local.py::test_a_disk_that_keeps_another_lock_is_found_out_at_the_put"),
    m("stream-digest-unchecked", "a store takes other bytes than were declared",
      "archive/storage/base.py", "if self.digest.hexdigest() != (self.sha256 or self.digest.hexdigest()):", "if False:", "tests/contracts/test_storage.py::test_a_stream_other_than_declared_is_refused_and_leaves_nothing"),
    m("locked-object-removed", "the store deletes what is locked",
      "archive/storage/local.py", "(held := self._described(key, version)).protected(self.clock())", "not (held := self._described(key, version))",
      "tests/contracts/test_storage.py::test_a_locked_version_is_not_removed"),
    m("left-version-not-adopted", "after a kill every object lies there twice, locked",
      "archive/copying.py", "if copy.attempts > 0 and (adopted := _adopt(store, copy, lock, mode, key)):", "if False and (adopted := None):", FILING),
    # Encryption
    m("last-segment-unbound", "an object cut off at a segment opens as if it were whole",
      "archive/segments.py", 'header + b"\\0", header + b"\\1"', 'header + b"\\0", header + b"\\0"', SEGMENTS),
    m("prefix-not-fresh", "two copies of an object are encrypted with the same nonces",
      "archive/segments.py", "secrets.token_bytes(PREFIX)", "bytes(PREFIX)", SEGMENTS),
    m("source-digest-unread", "a file that is not the one filed is encrypted and locked",
      "archive/segments.py", "if self._digest.finish() != self._sha256:", "if False:", SEGMENTS),
    m("tail-unread", "bytes hung on behind the last segment are not seen",
      "archive/segments.py", "if self._whole and end == self._end and self._source.read(1):", "if False:", SEGMENTS),
    m("key-not-published", "a file is encrypted by a key that only the database holds",
      "archive/object_keys.py", "    publish(record)\n    return {pk: fresh", "    return {pk: fresh", KEYS),
    m("key-context-unbound", "a wrapped key opens in the row of another object",
      "archive/object_keys.py", 'return f"{FORMAT} {object_id}".encode()', "return FORMAT.encode()", KEYS),
    m("old-wraps-stay", "after a rotation the key store still opens by the old key-encryption key",
      "archive/object_keys.py", "        if one.version != keep:\n", "        if not keep:\n",
      "tests/apps/test_key_encryption_keys.py"),
    m("key-row-kept", "a destroyed record's key stays in the database",
      "archive/object_keys.py", 'rows.update(wrapped="", destroyed_at=now)', "rows.count()", KEYS),
    m("lock-beyond-horizon", "objects are locked a hundred years ahead and can never be corrected",
      "archive/stores.py", "day = horizon if end is None else min(horizon, end)", "day = horizon if end is None else end", FILING),
    m("fixity-digest-unread", "a flipped byte stays unseen",
      "archive/fixity.py", "    if digest != target.sha256:\n", "    if False:\n", f"{FIXITY}::test_every_flipped_byte_is_found"),
    m("quarantined-adopted", "a damaged version is taken up again as if it were good",
      "archive/copying.py", "version.marker or version.version in quarantined", "version.marker", "tests/apps/test_restoration.py"),
    m("repair-without-source", "a copy is owed although no good one is left",
      "archive/restoration.py", "elif not copy.good and copy.object_id not in _made([copy.object_id]):", "elif False:", "tests/apps/test_restoration.py"),
    m("loss-by-one", "one person alone writes down that a file is lost",
      "archive/restoration.py", "elif known.stated_by == actor.id:", "elif False:", "tests/apps/test_restoration.py"),
    # Periods
    m("due-a-year-early", "records may be destroyed a year too soon",
      "archive/periods.py", "date(formed_on.year + count + 1, 1, 1)", "date(formed_on.year + count, 1, 1)", "tests/pure/test_periods.py"),
    m("declared-period-shortens", "the business system shortens a legal period",
      "ingest/examination.py", "    if periods.shorter(period.retention, case.retention):\n", "    if True:\n", DECISIONS),
    m("unknown-period-filed", "what nobody determined is filed for ten years",
      "archive/determinations.py", "        if unknown := next((one for one in found if one.retention is None), None):\n",
      "        found = [one for one in found if one.retention] or [Period('10', key)]\n        if unknown := None:\n",
      "tests/apps/test_determinations.py"),
    # What arrives
    m("same-name-other-content", "a package overwrites another of the same name in silence",
      "ingest/receiving.py", "if taken.content_digest == new.content_digest:", "if True:", JOURNEY),
    m("duplicate-not-known", "the same package again is refused",
      "ingest/receiving.py", "if taken.content_digest == new.content_digest:", "if False:", JOURNEY),
    m("superseded-not-marked", "the returned one stays open beside its correction",
      "ingest/receiving.py", 'if "superseded" in states.SUBMISSION_MOVES[other.state]:', "if False:", DECISIONS),
    m("returned-accepted", "a failed finding returns nothing",
      "ingest/examination.py", 'verdict = "returned" if failed else', 'verdict = "accepted" if failed else', DECISIONS),
    m("sampling-never", "nobody ever looks at what is archived by itself",
      "ingest/acceptance.py", "return draw < settings.SAMPLE_PERCENT", "return False", DECISIONS),
    m("unscanned-archived", "a package that no scanner saw is archived where the site forbids it",
      "ingest/examination.py", "if settings.REQUIRE_SCAN and unscanned:", "if False:", DECISIONS),
    m("declared-digest-unchecked", "a file other than the declared one passes",
      "archive/inspection/files.py", "if declared.strip().lower() != getattr(measured, algorithm):", "if False:", f"{EXAMINE}::test_declared_against_measured"),
    m("check-digit-ignored", "a mistyped identity number is filed",
      "archive/inspection/codes.py", "    if number[17] != expected:\n", "    if False:\n", "tests/pure/test_codes.py"),
    m("closing-day-ignored", "a case that was not finished that day is filed",
      "archive/inspection/integrity.py", "on_day = [at for at in closings if at.date() == handled_on]", "on_day = closings", METADATA),
    m("conditional-material-ignored", "a dispatched worker's contract may be missing",
      "archive/profiles/_judge.py", "needed = holds_any(material.required_when, case) or (", "needed = (", PROFILES),
    m("alias-ignored", "工伤 is not known as 工伤保险",
      "archive/profiles/_model.py", "for word in (entry.label, entry.code, *entry.aliases):", "for word in (entry.label, entry.code):", PROFILES),
    m("text-contradiction-ignored", "the form of another person is filed under this one",
      "archive/inspection/text_layer.py", "            if value not in declared.everything:\n", "            if False:\n", "tests/pure/test_text_layer.py"),
    m("encrypted-pdf-accepted", "a file that nobody can open is kept for a hundred years",
      "archive/inspection/usability.py", '"encrypted-user": Meaning("failed"', '"encrypted-user": Meaning("warning"', f"{EXAMINE}::test_pdf_files"),
    m("traversal-allowed", "an entry of a zip is written outside its folder",
      "archive/inspection/probes/names.py", '    if ".." in parts:\n', "    if False:\n", "tests/pure/test_unpacking.py::test_a_dangerous_name_is_said_and_never_written"),
    m("fence-timeout-ignored", "a file that never ends stops the worker",
      "archive/inspection/fence.py", "if remaining <= 0 or not poll.poll(remaining * 1000):", "if not poll.poll():",
      "tests/pure/test_fence.py::test_a_call_that_takes_too_long_is_stopped_and_says_so"),
    # Evidence
    m("outbox-deleted-before-work", "a kill between two steps loses a record from the index",
      "archive/changes.py", "    ids = [row_id for row_id, _ in taken]\n", "    ids = [row_id for row_id, _ in taken]\n    Change.objects.filter(id__in=ids).delete()\n", f"{OUTBOX}::test_a_message_is_still_there_while_its_work_goes_on", f"{OUTBOX}::test_a_message_stays_until_its_work_is_done"),
    m("digest-without-previous", "an event can be taken out of its chain",
      "archive/audit.py", "            event.data, event.previous,\n", "            event.data,\n", AUDIT),
    m("head-count-uncompared", "a cut tail of a chain is not found",
      "archive/verification.py", "elif head.count > sequence:", "elif False:", f"{AUDIT}::test_a_cut_tail_is_found"),
    m("seal-without-previous", "seals can be cut out of the middle",
      "archive/seals.py", "sealed = Sealed(number, at.isoformat(), previous,", 'sealed = Sealed(number, at.isoformat(), "",', f"{SEALS}::test_seals_form_a_chain_and_an_empty_hour_makes_none"),
    m("trigger-missing", "whoever has the database changes the ledger",
      "archive/triggers.py", '    *append_only("archive_event"),\n', "", f"{TRIGGERS}::test_a_ledger_row_cannot_be_changed"),
    m("hold-not-read-again", "what is on hold is destroyed",
      "archive/destruction.py", "for block in Block.objects.filter(record=record, lifted_at=None)", "for block in Block.objects.none()",
      "tests/apps/test_destruction.py"),
    m("extension-from-decision", "an extension counts from today instead of the original start",
      "archive/extension.py", "record.due_on = periods.due_on(record.formed_on, period)", "record.due_on = periods.due_on(decided_on, period)",
      "tests/apps/test_appraisal.py::test_one_extending_voice_decides_and_the_record_gets_the_longer_class_from_its_original_start"),
    m("opinion-on-own-file", "a member decides on a file about himself",
      "retention/opinions.py", "if own := persons.own_files(member.person, list(records)):", "if own := {}:",
      "tests/apps/test_opinions.py::test_nobody_gives_an_opinion_on_his_own_file_on_screen_or_paper"),
    m("namesake-approves", "with a second account one approves what one has asked for",
      "retention/separation.py", "if holder is not None and persons.same_person(holder, person):", "if holder is not None and holder.pk == person.pk:",
      "tests/apps/test_approval.py::test_a_namesake_on_paper_is_taken_for_the_requester"),
    m("absence-unproven", "a store that only says it removed is believed",
      "retention/disposal.py", "versions = [one.version for one in store.versions(place.key)]", "versions = []",
      "tests/apps/test_destruction.py::test_a_store_that_only_says_it_removed_is_found_out_by_listing"),
    m("own-rights", "the security administrator gives himself the records",
      "archive/people.py", "if user.pk == actor.id:", "if False:",
      "tests/apps/test_people_pages.py::test_nobody_changes_his_own_rights_or_account"),
]  # fmt: skip
