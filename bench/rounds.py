"""Interleaved runs: A B B A A B B A ..., so that a drift of the machine falls on both alike."""

import statistics

TRIES = 3               # per run, when one does not count


def interleave(origin, clients, rounds, say):
    """clients: name -> function that returns a Sample. Returns name -> list of valid samples, and
    the troubles of those thrown away. A name whose tries are used up in a round gets no more."""
    good, discarded, names = {name: [] for name in clients}, [], list(clients)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            if len(good[name]) < number:
                continue  # it failed an earlier round
            sample = try_run(origin, name, clients[name], discarded)
            if sample:
                good[name].append(sample)
                say(f"    {name}: {one_line(sample.values)} {' '.join(sample.notes)}")
            else:
                say(f"    {name}: no valid run; {discarded[-1]}")
    return good, discarded


def try_run(origin, name, run, discarded):
    for _ in range(TRIES):
        with origin.load() as load:
            sample = run()
        sample.values["origin_share"] = round(load.share, 3)
        sample.values["others_share"] = round(load.share_of_others, 3)
        sample.notes += load.notes()
        if not sample.trouble:
            return sample
        discarded.append(f"{name}: {sample.trouble}")
    return None


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
            f"origin {values['origin_share']:.0%}")
