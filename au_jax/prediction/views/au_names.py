"""The names of action units (FACS: Ekman, Friesen and Hager 2002), and colours."""

_NAMES = {
    1: "inner brow raiser",
    2: "outer brow raiser",
    4: "brow lowerer",
    5: "upper lid raiser",
    6: "cheek raiser",
    7: "lid tightener",
    9: "nose wrinkler",
    10: "upper lip raiser",
    11: "nasolabial deepener",
    12: "lip corner puller",
    13: "sharp lip puller",
    14: "dimpler",
    15: "lip corner depressor",
    16: "lower lip depressor",
    17: "chin raiser",
    18: "lip pucker",
    20: "lip stretcher",
    22: "lip funneler",
    23: "lip tightener",
    24: "lip pressor",
    25: "lips part",
    26: "jaw drop",
    27: "mouth stretch",
    28: "lip suck",
    43: "eyes closed",
}

# Okabe and Ito's colours, which colour-blind people can tell apart. They are darkened
# to a contrast of 4.5 to white and to the grey of the timelines (WCAG's AA for text).
# Dark grey replaces those that would become too similar.
COLOURS = ((0, 114, 178), (190, 78, 0), (0, 110, 80), (180, 70, 130), (60, 60, 60))


def in_words(au: int) -> str:
    """Return the number and name of an AU: "AU12 lip corner puller"."""
    return f"AU{au:02d} {_NAMES.get(au, '')}".strip()


def colour(face: int) -> tuple[int, int, int]:
    """Return the colour of the face with this number, as RGB."""
    return COLOURS[face % len(COLOURS)]
