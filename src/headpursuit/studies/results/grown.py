"""An edit that was grown by what it does, and those it was chosen among."""

from dataclasses import dataclass, replace

from headpursuit.heads import Edit
from headpursuit.studies.results.figures import ArmSummary


@dataclass(frozen=True)
class Balance:
    """An edit's effect beside its damage, by answers to one set of questions."""

    effect: float
    """Fraction by which the target score falls, or rises where it is to."""
    loss: float
    """Fraction of the right unrelated answers that is lost."""


@dataclass(frozen=True)
class Tried:
    """A step of the growth."""

    what: str
    """`add`, `scale`, `remove` or `swap`; `alone` for a head by itself, before the first of them."""
    edit: Edit
    """The edit afterwards."""
    effect: float
    """Fraction by which right answers fall, or rise where they are to, as margins say it."""
    loss: float
    """Fraction of the right unrelated answers that is lost, as margins say it, the upper end of its interval."""
    strain: float
    """Rise of the perplexity on neutral text, as a fraction."""


@dataclass(frozen=True)
class Finalist:
    """An edit that was measured by answers, on selection questions."""

    edit: Edit
    promised: float
    """Its effect by margins, on the questions that it was grown on."""
    loss: float
    """As `Tried.loss`."""
    strain: float
    effect: float | None = None
    """Its effect by answers; None before they are measured."""
    damage: float | None = None
    """Its damage by answers, in units of what is tolerated."""
    arm: ArmSummary | None = None

    def measured(self, arm: ArmSummary, effect: float, damage: float) -> "Finalist":
        """With what its answers show."""
        return replace(self, arm=arm, effect=effect, damage=damage)

    @property
    def size(self) -> float:
        """The edit's size: the sum of |scale - 1| over its heads."""
        return sum(abs(scale - 1) for scale in self.edit.values())


@dataclass(frozen=True)
class Grown:
    """The growth of an edit step by step, and the edit that was taken."""

    what: str
    """The tokens followed while it grows, in words, such as `the right answers`."""
    n_screened: int
    """Heads that were tried by themselves."""
    n_effects: int
    """Edits whose effect was measured."""
    n_damages: int
    """Edits whose damage was measured."""
    steps: tuple[Tried, ...]
    finalists: tuple[Finalist, ...]
    """Best first by margins."""
    n_facts: int = 0
    """Target facts that it was grown on; 0 in results of older versions."""
    n_left_out: int = 0
    """Questions without a right answer to follow."""
    plain: str = ""
    """The reason that every pass was a whole one; empty where passes began at the first edited layer."""
    kept: str = ""
    """The memory that replays took, in a sentence; empty in results of older versions."""
    base: ArmSummary | None = None
    """The unedited model on the selection questions."""
    chosen: int = 0
    """The finalist that was taken, counted from 0."""
    ties: tuple[int, ...] = ()
    """Others that do as well."""
    alone: tuple[Tried, ...] = ()
    """Heads by themselves, those with the largest effects; first those that do most beyond what they break."""

    @property
    def taken(self) -> Finalist:
        """The finalist that was taken."""
        return self.finalists[self.chosen]

    @property
    def edit(self) -> Edit:
        """Its edit."""
        return self.taken.edit

    def chosen_among(
        self, base: ArmSummary | None, finalists: tuple[Finalist, ...], tie: float, n_facts: int
    ) -> "Grown":
        """With finalists that were measured, one of which is taken.

        Of those that break nothing, that with the largest effect is taken; of several within a tie the smallest edit.
        Where all break something, it is the one that breaks least. The effect is the mean of that by margins, on the
        facts that the edit was grown on, and that by answers, weighted by the numbers of facts: the selection
        questions of a small task are too few to choose by alone.

        Args:
            base: The unedited model on the selection questions.
            finalists: Those measured.
            tie: The difference of effects that counts as none.
            n_facts: Target facts that their answers were measured on.
        """
        share = self.n_facts / (self.n_facts + n_facts)
        effects = [share * one.promised + (1 - share) * (one.effect or 0.0) for one in finalists]
        damages = [one.damage or 0.0 for one in finalists]
        sound = [i for i, damage in enumerate(damages) if damage <= 1]
        if not sound:
            return replace(
                self, base=base, finalists=finalists, chosen=min(range(len(finalists)), key=damages.__getitem__)
            )
        best = max(effects[i] for i in sound)
        tied = [i for i in sound if effects[i] >= best - tie]
        chosen = min(tied, key=lambda i: (finalists[i].size, damages[i]))
        return replace(self, base=base, finalists=finalists, chosen=chosen, ties=tuple(i for i in tied if i != chosen))
