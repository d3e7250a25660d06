"""Our own sentences: a list that covers every English phone, and a grammar for any number more.

A sentence belongs to one split for ever: the split follows from its text alone, so no corpus of
any size or seed can hear a test sentence in training.
"""

import hashlib
from collections.abc import Callable, Iterator

import numpy as np

FIXED = (
    "Maybe Bob put the five big fish near a thin church?",
    "Both of the young boys enjoyed a huge bowl of vanilla ice cream.",
    "Please measure the length of the bridge, then write it down.",
    "She usually wears a beige coat, even in the warm weather.",
    "My father thought the whole show was worth watching twice.",
    "How much would you charge for moving a piano upstairs?",
    "A quick brown fox jumps over the very lazy dog!",
    "We found a few old photographs behind the heavy bookshelf.",
    "Why did you choose the yellow umbrella instead of the blue one?",
    "The judge gave a calm and thoughtful speech this morning.",
    "Oh no, I forgot my keys on the kitchen table again!",
    "Good music makes the long drive home feel shorter.",
    "They both breathe deeply before they walk onto the stage.",
    "Would you like some more soup, or shall we have the pudding?",
    "Wow, what a wonderful view from up here!",
    "Put your books away, wash your hands, and come to dinner.",
    "The vision of a quiet village by the lake pleased everyone.",
    "Thirty-three thick feathers floated past the open window.",
    "Are you sure that the bus stops here on Sunday?",
    "I would rather pay for a proper map than guess the way.",
    "Five brave firemen saved the family from the burning house.",
    "Please pick up the purple paper bag before it falls.",
    "My mother makes marmalade every winter, mostly for her friends.",
    "It was an unusual pleasure to hear that old song again.",
    "Don't push the button until I tell you to!",
    "The garage door opens slowly, with a terrible noise.",
    "Could we meet on Thursday morning, perhaps around half past nine?",
    "Warm water washed over the smooth white stones.",
    "You should have seen the look on his face!",
    "Every evening the old captain watched the ships come home.",
    "Choose a job you love, and the hours go by quickly.",
    "Her brother bought a pair of boots at the market.",
    "What on earth happened to my favourite coffee cup?",
    "The weather is lovely, so let's go out for a while.",
    "Nobody believed the story, but every word of it was true.",
    "The baby laughed when the puppy jumped over the pillow.",
)

_WHO = (
    "my brother", "the old captain", "our neighbour", "a young woman", "the new teacher",
    "my best friend", "the bus driver", "her father", "the little girl", "a quiet man",
    "the village doctor", "your cousin", "the chef", "his wife", "our boss", "the farmer",
    "a famous painter", "the tall boy", "the football coach", "my grandmother", "the shopkeeper",
    "the pilot", "a visitor from Boston", "the judge", "the whole family", "George", "Victoria",
    "Matthew", "Josephine", "Philip", "Rebecca", "Walter", "Beth",
    "Joyce", "the royal choir", "the boy next door",
)  # fmt: skip
_DID = (
    "bought", "found", "forgot", "borrowed", "painted", "lost", "fixed", "moved", "opened",
    "described", "brought back", "gave away", "picked up", "dropped", "wrapped", "remembered",
    "watched", "noticed", "put away", "shared", "chose", "measured", "washed", "photographed",
)  # fmt: skip
_DO = (
    "buy", "find", "forget", "borrow", "paint", "lose", "fix", "move", "open", "describe",
    "bring back", "give away", "pick up", "drop", "wrap", "remember", "watch", "notice",
    "put away", "share", "choose", "measure", "wash", "photograph",
)  # fmt: skip
_WHAT = (
    "the big blue boat", "a pair of brown boots", "the birthday present", "an old piano",
    "the yellow umbrella", "a huge bowl of soup", "the garden fence", "five fresh apples",
    "a beautiful map", "the wooden bridge", "some very good coffee", "the broken window",
    "a bag of potatoes", "the last piece of cake", "a thick woolen coat", "the beige sofa",
    "the television", "a small measuring cup", "the photograph album", "a smooth white stone",
    "the violin", "a dozen purple flowers", "both of the books", "the garage key",
    "an unusual watch",
    "the noisy toy", "a pot of boiling oil", "the spoiled oysters",
    "the leather wallet", "a jar of honey", "the church bell",
    "the orange bicycle", "their favourite game",
)  # fmt: skip
_WHEN = (
    "last Wednesday", "before breakfast", "this morning", "after the long show",
    "in the middle of the night", "on the way home", "at half past five", "during the storm",
    "a month ago", "on a warm July evening", "just before the bus arrived", "over the weekend",
    "when nobody was watching", "near the end of the holiday", "on her birthday",
    "without a word", "for the very first time", "by the river", "behind the old church",
    "in front of everybody",
)  # fmt: skip
_FEEL = (
    "I am so proud of you", "that was a wonderful surprise", "I simply cannot believe it",
    "we may have to wait a while", "nobody seems to mind", "this is not what we agreed",
    "it makes me feel so lonely", "there is something moving over there",
    "everything will be fine", "you should have told me before", "what a beautiful thing to say",
    "I enjoy the noise and the joy of it",
    "we had no choice and no voice",
    "I never want to see that place again", "we could hardly stop laughing",
    "the whole house was shaking", "that is the best news of the year",
    "please be very careful", "I thought you had forgotten about me", "enough is enough",
)  # fmt: skip
_OPEN = (
    "Well", "Oh", "Honestly", "You know", "Of course", "Maybe", "Look", "Wait", "Please", "Hey",
    "By the way", "In my view", "As far as I know", "Believe me", "To be fair", "Suddenly",
)  # fmt: skip

_Pick = Callable[[tuple[str, ...]], str]
_PATTERNS: tuple[Callable[[_Pick], str], ...] = (
    lambda p: f"{p(_WHO)} {p(_DID)} {p(_WHAT)} {p(_WHEN)}.",
    lambda p: f"{p(_OPEN)}, {p(_WHO)} {p(_DID)} {p(_WHAT)} {p(_WHEN)}.",
    lambda p: f"Did {p(_WHO)} really {p(_DO)} {p(_WHAT)} {p(_WHEN)}?",
    lambda p: f"{p(_FEEL)}, but {p(_WHO)} {p(_DID)} {p(_WHAT)}.",
    lambda p: f"{p(_WHEN)}, {p(_WHO)} {p(_DID)} {p(_WHAT)}!",
    lambda p: f"Why would {p(_WHO)} {p(_DO)} {p(_WHAT)} {p(_WHEN)}?",
    lambda p: f"{p(_OPEN)}, {p(_FEEL)}, and {p(_FEEL)}!",
    lambda p: f"If {p(_WHO)} can {p(_DO)} {p(_WHAT)}, {p(_FEEL)}.",
    lambda p: f"Who {p(_DID)} {p(_WHAT)}, and who {p(_DID)} {p(_WHAT)}?",
    lambda p: f"{p(_WHO)} will {p(_DO)} {p(_WHAT)}, then {p(_DO)} {p(_WHAT)}.",
)

_SHARES = (("val", 0.07), ("test", 0.14), ("test_unseen", 0.12))


def split_of(text: str) -> str:
    """Return the split a sentence belongs to, whatever the corpus."""
    letters = "".join(c for c in text.lower() if c.isalnum())
    place = int.from_bytes(hashlib.sha256(letters.encode()).digest()[:6], "big") / 2**48
    for name, share in _SHARES:
        if place < share:
            return name
        place -= share
    return "train"


def sentences(split: str, seed: int) -> Iterator[str]:
    """Yield distinct sentences of a split without end: the list's first, then the grammar's."""
    rng = np.random.default_rng([seed, 77])
    seen: set[str] = set()
    for index in rng.permutation(len(FIXED)):
        if split_of(FIXED[index]) == split:
            seen.add(FIXED[index].lower())
            yield FIXED[index]
    while True:
        text = _compose(rng)
        if text.lower() not in seen and split_of(text) == split:
            seen.add(text.lower())
            yield text


def _compose(rng: np.random.Generator) -> str:
    """Return a sentence of the grammar in which no phrase is said twice."""
    used: set[str] = set()

    def pick(words: tuple[str, ...]) -> str:
        while True:
            word = words[int(rng.integers(len(words)))]
            if word not in used:
                used.add(word)
                return word

    text = _PATTERNS[int(rng.integers(len(_PATTERNS)))](pick)
    return text[0].upper() + text[1:]
