# SPDX-License-Identifier: GPL-2.0-only
"""What every JSON report must satisfy, whoever made it and why.

read() is the only way tests get at a report: it parses strictly, validates
against docs/report.schema.json, and checks the identity of product.md's "Truth"
for every function whose returns are seen.
"""
import json
import os

import jsonschema

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCHEMA = os.path.join(ROOT, "docs", "report.schema.json")
_validator = None


def _schema():
    global _validator
    if _validator is None:
        with open(SCHEMA, encoding="utf-8") as f:
            schema = json.load(f)
        cls = jsonschema.validators.validator_for(schema)
        cls.check_schema(schema)
        _validator = cls(schema)
    return _validator


def _no_duplicates(pairs):
    keys = [k for k, _ in pairs]
    if len(keys) != len(set(keys)):
        raise AssertionError(f"a JSON object has a key twice: {sorted(keys)}")
    return dict(pairs)


def _no_constant(name):
    raise AssertionError(f"{name} is not JSON")


def parse(data):
    """Bytes to a document: strict UTF-8, strict JSON, one object."""
    text = data.decode("utf-8", "strict") if isinstance(data, bytes) else data
    return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)


def rows(target):
    return target.get("functions_timing", {}).get("data", [])


def estimate_errors(row, estimated):
    """A figure is there exactly when it is known, and within its own interval."""
    if "known" not in estimated:
        return [] if "calls" in row else ["no calls, and no reason"]
    errors = []
    if ("calls" in row) != estimated["known"] or not (estimated["known"] or "why" in estimated):
        errors.append(f"known, calls and why contradict each other: {estimated}")
    for figure, interval in (("calls", "calls_95"), ("total_ns", "total_95_ns")):
        if (figure in row) != (interval in estimated):
            errors.append(f"{figure} without {interval}, or the reverse")
        elif figure in row:
            low, high = estimated[interval]
            # Never less than was seen, which rounding may have made one less.
            if not low <= high or row[figure] > high + 1:
                errors.append(f"{figure} {row[figure]} is not within {low} .. {high}")
    return errors


def identity_errors(document):
    """entries = exits + open + unwound + vetoed + lost, of each function with returns."""
    errors = []
    for target in document.get("targets", []):
        for row in rows(target):
            if row["probe"]["returns"] == "none":
                continue
            estimated = row.get("estimated", {})
            seen = estimated.get("seen_calls", row.get("calls"))
            parts = {k: row[k] for k in ("exits", "open", "unwound", "vetoed", "lost")}
            if seen != sum(parts.values()):
                errors.append(f"{row['name'][:80]}: {seen} calls seen, but "
                              + " + ".join(f"{v} {k}" for k, v in parts.items())
                              + f" = {sum(parts.values())}")
            errors += [f"{row['name'][:80]}: {e}" for e in estimate_errors(row, estimated)]
            if "known" in estimated:
                continue
            if parts["exits"] and not row["min_ns"] <= row["avg_ns"] <= row["max_ns"]:
                errors.append(f"{row['name'][:80]}: min {row['min_ns']} avg {row['avg_ns']}"
                              f" max {row['max_ns']} are not in order")
    return errors


def read(data):
    document = parse(data)
    errors = [f"{'/'.join(str(p) for p in e.absolute_path)}: {e.message[:300]}"
              for e in _schema().iter_errors(document)]
    if errors:
        raise AssertionError("the report does not satisfy docs/report.schema.json:\n  "
                             + "\n  ".join(errors[:10]))
    errors = identity_errors(document)
    if errors:
        raise AssertionError("entries are not accounted for:\n  " + "\n  ".join(errors[:20]))
    return document


def target_of(document, pid):
    found = [t for t in document["targets"] if t["pid"] == pid]
    if len(found) != 1:
        raise AssertionError(f"pid {pid} is {len(found)} times in the report, which has "
                             f"{[(t['pid'], t['comm']) for t in document['targets']]}")
    return found[0]


class Functions(dict):
    """name -> row; a function that was never called has no row, and counts zero."""

    def __missing__(self, name):
        return {"name": name, "calls": 0, "exits": 0, "open": 0, "cut": 0, "unwound": 0, "vetoed": 0,
                "lost": 0, "total_ns": 0, "self_ns": 0, "avg_ns": 0, "min_ns": 0, "max_ns": 0, "object": "",
                "percentiles": {}, "probe": {"returns": None, "class": None}}


def functions(target):
    """name -> row. A name that is there twice (two objects) is an error here."""
    found = Functions()
    for row in rows(target):
        if row["name"] in found:
            raise AssertionError(f"{row['name']} is twice in the report")
        found[row["name"]] = row
    return found
