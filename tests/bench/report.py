"""Medians and ratios of a run, as text for a person and as JSON."""

import statistics

HAPROXY_DEFAULT = "haproxy"
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


def print_table(rows):
    relays = list(dict.fromkeys(name for row in rows for name in row["relays"]))
    table = [["median [min..max]", ""] + relays]
    for row in rows:
        table.append([row["work"], row["unit"]] +
                     [cell(row["relays"][name]) if name in row["relays"] else "-"
                      for name in relays])
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
