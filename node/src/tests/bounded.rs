//! What every bound promises, checked in the same way for each: at its limit everything is kept; one past it, what
//! docs/BOUNDS.md says gives way, and exactly that; and what ends makes room.

/// What gives way when a bound is passed by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivesWay {
    /// The one that is one too many.
    Newcomer,
    /// The one that came first.
    Oldest,
    /// The one with this number, for a reason of its own.
    This(usize),
}

/// Something that keeps what is offered to it, up to a bound.
pub(crate) trait Bounded {
    /// Offers the thing with this number.
    fn offer(&mut self, number: usize);

    /// Whether that thing is kept.
    fn keeps(&self, number: usize) -> bool;

    /// Ends the thing with this number. Returns false if nothing ends before time passes.
    fn end(&mut self, number: usize) -> bool;
}

/// One bound of docs/BOUNDS.md.
pub(crate) struct Bound {
    pub(crate) name: &'static str,
    pub(crate) max: usize,
    pub(crate) gives_way: GivesWay,
    pub(crate) fresh: fn() -> Box<dyn Bounded>,
}

impl Bound {
    /// Pushes the bound to its limit, and one past it.
    pub(crate) fn check(&self) {
        let Self { name, max, gives_way, fresh } = *self;
        let mut bounded = fresh();
        (0..max).for_each(|number| bounded.offer(number));
        let lost: Vec<_> = (0..max).filter(|number| !bounded.keeps(*number)).collect();
        assert!(lost.is_empty(), "{name}: at its limit of {max}, {lost:?} are lost");

        bounded.offer(max);
        let gone = match gives_way {
            GivesWay::Newcomer => max,
            GivesWay::Oldest => 0,
            GivesWay::This(number) => number,
        };
        let lost: Vec<_> = (0..=max).filter(|number| !bounded.keeps(*number)).collect();
        assert_eq!(lost, [gone], "{name}: one past its limit of {max}");

        let (ended, late) = (if gone == 1 { 2 } else { 1 }, max + 1);
        if bounded.end(ended) {
            bounded.offer(late);
            let lost: Vec<_> = (0..=late).filter(|number| !bounded.keeps(*number)).collect();
            let missing: Vec<_> =
                lost.into_iter().filter(|lost| ![gone, ended].contains(lost)).collect();
            assert!(missing.is_empty(), "{name}: there was room again, and {missing:?} are lost");
        }
    }
}
