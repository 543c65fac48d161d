"""Tables in Markdown, and a CSV with all of it."""
import csv
import os
import statistics

from .cases import FORMS

COLUMNS = (
    "form", "contender", "version", "device", "way", "seconds", "clips", "threads", "rounds", "us_min", "us_median", "ratio_min",
    "ratio_median", "rss_ready_mb", "rss_before_mb", "rss_peak_mb", "device_peak_mb", "device_outside_mb", "htod_copies",
    "htod_bytes", "dtoh_copies", "dtoh_bytes", "golden_largest", "golden_share", "golden_passed", "golden_clips",
    "overhead_by_clips_us", "overhead_by_length_us", "tiny_call_us", "not_measured")
NOT_MEASURED = "not measured"


def _mb(count):
    return "" if count is None else "%.1f" % (count / 1e6)


def _markdown(title, columns, rows):
    lines = ["", title, "", "| %s |" % " | ".join(columns), "|%s" % ("---|" * len(columns))]
    return "\n".join(lines + ["| %s |" % " | ".join(row) for row in rows])


def _unique(values):
    return list(dict.fromkeys(values))


def _cell(one):
    if one is None:
        return ""
    if one.not_measured:
        return NOT_MEASURED
    text = "%.3g (%.3g)" % (min(one.times) / 1e6, statistics.median(one.times) / 1e6)
    return text + (" %.1f" % statistics.median(one.ratios) if one.ratios else "")


def time_tables(measured, ours):
    """One table for each form and number of threads: contenders down, sizes across."""
    for form in FORMS.values():
        for n_threads in _unique(one.case.n_threads for one in measured):
            those = [one for one in measured if one.case.form == form.name and one.case.n_threads == n_threads]
            if not those:
                continue
            sizes = _unique(one.case.size for one in those)
            by_place = {(one.contender, one.case.size): one for one in those}
            rows = [[name] + [_cell(by_place.get((name, size))) for size in sizes]
                    for name in _unique(one.contender for one in those)]
            title = ("**%s**: %s. %s; milliseconds a clip: fastest (median), and times as long as %s in the same round (median)"
                     % (form.name, form.what, "one thread" if n_threads == 1 else "%d threads" % n_threads, " or ".join(ours)))
            yield _markdown(title, ["library", *sizes], rows)


def golden_table(goldens):
    rows = []
    for (name, form), found in goldens.items():
        if "not_measured" in found:
            rows.append([name, form, NOT_MEASURED, "", ""])
            continue
        verdict = "%d of %d" % (found["passed"], found["clips"])
        if found["refused"]:
            verdict += ", %d refused" % len(found["refused"])
        rows.append([name, form, "%.2g (%s)" % (found["largest"], found["largest_at"]), "%.2g" % found["share"], verdict])
    return _markdown("Distance from the golden features of tests/golden, over all their clips",
                     ["library", "form", "largest difference (clip)", "share of the tolerance, 1 = all", "clips within it"], rows)


def memory_table(measured):
    """Of the largest case that each has, on one thread."""
    largest = {}
    for one in measured:
        if one.facts.get("rss_peak") and one.case.n_threads == 1:
            key = (one.contender, one.case.form)
            if key not in largest or one.case.n_samples * one.case.n_clips > _n_samples(largest[key]):
                largest[key] = one
    rows = [[one.contender, one.case.form, one.case.size, _mb(one.facts["rss_before"]), _mb(one.facts["rss_peak"]),
             _mb(one.facts["rss_peak"] - one.facts["rss_before"])] for one in largest.values()]
    return _markdown("Resident memory of the process, MB: before the call, with the library and the audio; peak; growth",
                     ["library", "form", "call", "before", "peak", "growth"], rows)


def _n_samples(one):
    return one.case.n_samples * one.case.n_clips


def overhead_table(overheads):
    rows = []
    for (name, form), found in overheads.items():
        least, median = found["min"], found["median"]
        rows.append([name, form] + ["%.1f (%.1f)" % (getattr(least, key), getattr(median, key))
                                    for key in ("call", "by_clips", "by_length", "tiny")])
    return _markdown("A call with one clip of 1 s, one thread, microseconds, of the fastest times (median of the rounds): the\n"
                     "call; of it overhead, by clips and by length; a call with 400 samples",
                     ["library", "form", "call", "overhead by clips", "by length", "400 samples"], rows)


def device_table(measured):
    rows = []
    for one in measured:
        facts = one.facts
        if "device_peak_bytes" not in facts:
            continue
        copies = [facts.get("copies_not_measured", NOT_MEASURED), ""]
        if "htod_copies" in facts:
            copies = ["%d, %d" % (facts[way + "_copies"], facts[way + "_bytes"]) for way in ("htod", "dtoh")]
        rows.append([one.contender, one.case.form, one.case.size, _mb(facts["device_peak_bytes"]),
                     _mb(facts["device_outside_bytes"]), *copies])
    if not rows:
        return "\nDevice memory, copies between host and device: " + NOT_MEASURED
    return _markdown("On the GPU: device memory, MB, by torch in the call and outside of torch; copies and bytes of a call",
                     ["library", "form", "call", "torch, peak", "outside torch", "host to device", "device to host"], rows)


def rows_of(measured, descriptions, goldens, overheads, devices):
    """Dictionaries with the keys COLUMNS. `descriptions`: by (contender, n_threads)."""
    for one in measured:
        case, facts = one.case, one.facts
        key = (one.contender, case.form)
        golden = goldens.get(key, {})
        description = descriptions.get((one.contender, case.n_threads), {})
        row = {"form": case.form, "contender": one.contender, "version": description.get("version", ""),
               "device": devices[one.contender], "way": facts.get("way", ""), "seconds": "%g" % case.seconds,
               "clips": case.n_clips, "threads": case.n_threads, "rounds": len(one.times), "not_measured": one.not_measured,
               "rss_ready_mb": _mb(description.get("rss_ready")), "rss_before_mb": _mb(facts.get("rss_before")),
               "rss_peak_mb": _mb(facts.get("rss_peak")), "device_peak_mb": _mb(facts.get("device_peak_bytes")),
               "device_outside_mb": _mb(facts.get("device_outside_bytes"))}
        row.update({name: facts[name] for name in ("htod_copies", "htod_bytes", "dtoh_copies", "dtoh_bytes") if name in facts})
        if one.times and not one.not_measured:
            row.update(us_min="%.3f" % (min(one.times) / 1e3), us_median="%.3f" % (statistics.median(one.times) / 1e3))
        if one.ratios:
            row.update(ratio_min="%.3f" % min(one.ratios), ratio_median="%.3f" % statistics.median(one.ratios))
        if "passed" in golden:
            row.update(golden_largest="%.3g" % golden["largest"], golden_share="%.3g" % golden["share"],
                       golden_passed=golden["passed"], golden_clips=golden["clips"])
        if key in overheads and (case.seconds, case.n_clips, case.n_threads) == (1.0, 1, 1):
            found = overheads[key]["min"]
            row.update(overhead_by_clips_us="%.2f" % found.by_clips, overhead_by_length_us="%.2f" % found.by_length,
                       tiny_call_us="%.2f" % found.tiny)
        yield row


def write_csv(path, rows):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
