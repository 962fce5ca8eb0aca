"""Interleaved runs: A B B A A B B A ..., so that a drift of the machine falls on both alike.

Each run is watched: how busy the origin was, and who else used the two cores meanwhile.
"""

import statistics

TRIES = 3               # per run, when one does not count
BOUND = 0.95            # share of its core from which on the origin is the limit
DISTURBED = 0.10        # share of a core that others may use


def interleave(bench, origin, clients, say):
    """clients: name -> function that returns a Sample. Returns name -> list of valid samples, and
    the troubles of those thrown away. A name whose tries are used up in a round gets no more."""
    good, discarded, names = {name: [] for name in clients}, [], list(clients)
    for number in range(bench.rounds):
        for name in names if number % 2 == 0 else reversed(names):
            if len(good[name]) < number:
                continue  # it failed an earlier round
            sample = try_run(bench, origin, name, clients[name], discarded)
            if sample:
                good[name].append(sample)
                say(f"    {name}: {one_line(sample.values)} {' '.join(sample.notes)}")
            else:
                say(f"    {name}: no valid run; {discarded[-1]}")
    return good, discarded


def try_run(bench, origin, name, run, discarded):
    for _ in range(TRIES):
        sample = watch(bench, origin, run)
        if not sample.trouble:
            return sample
        discarded.append(f"{name}: {sample.trouble}")
    return None


def watch(bench, origin, run):
    """Runs it once; what it says of the origin and of others stands in the sample."""
    before = origin.cpu_s()
    sample = run()
    if "wall_s" not in sample.values:
        return sample  # it did not even start
    own_s, wall_s = origin.cpu_s() - before, sample.values["wall_s"]
    sample.values["origin_share"] = round(own_s / wall_s, 3)
    if own_s / wall_s >= BOUND:
        sample.notes.append("origin-bound")
    busy_s = sample.values.pop("busy_s")
    for whose, core, used_s in (("origin", bench.origin_core, own_s),
                                ("client", bench.client_core, sample.values["cpu_s"])):
        others = (busy_s[core] - used_s) / wall_s if core is not None else 0.0
        sample.values[f"others_on_{whose}_core"] = round(others, 3)
        if others > DISTURBED:
            sample.notes.append(f"{whose}'s core disturbed")
    return sample


def median(samples, key):
    return statistics.median(sample.values[key] for sample in samples)


def notes_of(good, discarded):
    """What the row must say: a note of any run, once, with how many runs it holds for."""
    samples = [sample for group in good.values() for sample in group]
    seen = [note for sample in samples for note in sample.notes]
    notes = [f"{note} ({seen.count(note)} of {len(samples)} runs)" for note in dict.fromkeys(seen)]
    if discarded:
        notes.append(f"{len(discarded)} runs discarded: {'; '.join(dict.fromkeys(discarded))}")
    return notes


def one_line(values):
    return (f"{values['wall_s']:.2f} s, {values['cpu_us']:.2f} us CPU and "
            f"{values['rate']:,.0f}/s, {values['rss_bytes'] / 2**20:.0f} MB, "
            f"origin {values['origin_share']:.0%}; "
            + ", ".join(f"{name} {user_s:.2f}+{system_s:.2f} s"
                        for name, (user_s, system_s) in values["cpu_by_name"].items()))
