"""Medians and ratios of a run, as text for a person and as JSON."""

import statistics

HAPROXY_DEFAULT = "haproxy"
HAPROXY_LIMITED = "haproxy bwlim"
RIVALS = (HAPROXY_DEFAULT, "haproxy splice", "haproxy splice 1 MiB")


def summary(costs):
    return {"median": statistics.median(costs), "min": min(costs), "max": max(costs),
            "rounds": costs}


def verdicts(work, medians):
    """For each target: against what, the ratio, the most it may be, whether it holds."""
    rivals = {name: medians[name] for name in RIVALS if name in medians}
    if "deadpeer" not in medians or HAPROXY_DEFAULT not in rivals:
        return []
    against = {"best": min(rivals, key=rivals.get), "default": HAPROXY_DEFAULT}
    rows = []
    for which, most in work.targets.items():
        ratio = medians["deadpeer"] / rivals[against[which]]
        rows.append({"against": which, "rival": against[which], "ratio": ratio,
                     "at_most": most, "pass": ratio <= most})
    return rows


def result(works, costs):
    """costs: {work's name: {relay's name: [a cost for each round]}}"""
    rows = []
    for work in works:
        relays = {name: summary(values) for name, values in costs[work.name].items() if values}
        medians = {name: relay["median"] for name, relay in relays.items()}
        rows.append({"work": work.name, "unit": work.unit, "relays": relays,
                     "targets": verdicts(work, medians)})
    return rows


def number(value):
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}" if value < 1 else f"{value:.2f}"


def cell(relay):
    return f"{number(relay['median'])} [{number(relay['min'])}..{number(relay['max'])}]"


def print_columns(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    print()


def is_shaped(row):
    return any(name.startswith("deadpeer ") for name in row["relays"])


def print_table(rows):
    rows = [row for row in rows if not is_shaped(row)]
    if not rows:
        return
    relays = list(dict.fromkeys(name for row in rows for name in row["relays"]))
    table = [["median [min..max]", ""] + relays]
    for row in rows:
        table.append([row["work"], row["unit"]] +
                     [cell(row["relays"][name]) if name in row["relays"] else "-"
                      for name in relays])
    print_columns(table)


def times(relay, others, name):
    return f"{relay['median'] / others[name]['median']:.2f}" if name in others else "-"


def print_shaped(rows):
    """Each relay beside splice and beside haproxy with a bandwidth limit: ratios, no targets."""
    for row in filter(is_shaped, rows):
        table = [[f"{row['work']}, {row['unit']}", "median [min..max]", "to deadpeer's splice",
                  f"to {HAPROXY_DEFAULT}", f"to {HAPROXY_LIMITED}"]]
        for name, relay in row["relays"].items():
            table.append([name, cell(relay), times(relay, row["relays"], "deadpeer"),
                          times(relay, row["relays"], HAPROXY_DEFAULT),
                          times(relay, row["relays"], HAPROXY_LIMITED)])
        print_columns(table)


def verdict(row):
    if row.get("cannot"):
        return row["cannot"]
    if row.get("at_most") is None:
        return ""
    return "PASS" if row["value"] <= row["at_most"] else "MISS"


def print_precision(rows):
    table = [["precision", "asked", "figure", "measured", "at most", "", "others used"]]
    for row in rows:
        value = "-" if row["value"] is None else number(row["value"])
        most = "" if row.get("at_most") is None else number(row["at_most"])
        table.append([row["work"], row["asked"], row["figure"], value, most,
                      verdict(row), f"{row['others_share']:.1%}"])
    if len(table) > 1:
        print_columns(table)


def print_targets(rows):
    table = [["deadpeer against haproxy", "", "ratio", "at most", ""]]
    for row in rows:
        for target in row["targets"]:
            table.append([row["work"], f"{target['against']} ({target['rival']})",
                          f"{target['ratio']:.2f}", f"{target['at_most']:.2f}",
                          "PASS" if target["pass"] else "MISS"])
    if len(table) > 1:
        print_columns(table)
