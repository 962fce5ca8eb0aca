"""README.md as a program: what its sections tell the reader to type."""

from support import TOP


def section(title):
    """The lines below a heading."""
    lines = (TOP / "README.md").read_text().splitlines()
    start = lines.index(f"## {title}") + 1
    ends = [at for at, line in enumerate(lines) if line.startswith("## ") and at >= start]
    return lines[start:ends[0] if ends else None]


def blocks(title):
    """Its indented blocks: a list of lines for each."""
    found = [[]]
    for line in section(title):
        if line.startswith("    "):
            found[-1].append(line[4:])
        elif found[-1]:
            found.append([])
    return [block for block in found if block]


def commands(title):
    """The lines of those blocks that are commands, without what is said of them behind a #."""
    return [line.partition("  #")[0].strip() for block in blocks(title) for line in block
            if not block[0].startswith("[")]


def settings(title):
    """The block that is a file of settings."""
    return next("\n".join(block) + "\n" for block in blocks(title) if block[0].startswith("["))
