//! A way and what stands in it.

use super::{Decision, Source};
use crate::report::{PathObstacle, PathUnknown, Via};

/// One way that traffic may take. All of what it needs must hold: an obstacle closes it, whatever else is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) via: Option<Via>,
    pub(super) through: Vec<String>,
    pub(super) source: Source,
    pub(super) obstacles: Vec<PathObstacle>,
    pub(super) unknowns: Vec<PathUnknown>,
}

impl Leg {
    pub(super) fn unknown(why: PathUnknown) -> Leg {
        Leg { unknowns: vec![why], ..Leg::default() }
    }

    pub(super) fn closed(by: PathObstacle) -> Leg {
        Leg { obstacles: vec![by], ..Leg::default() }
    }

    pub(super) fn decision(&self) -> Decision {
        match (self.obstacles.is_empty(), self.unknowns.is_empty()) {
            (false, _) => Decision::Closed,
            (true, false) => Decision::Unknown,
            (true, true) => Decision::Open,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.decision() == Decision::Closed
    }

    /// What must hold besides.
    pub(super) fn needs(&mut self, more: Leg) {
        self.obstacles.extend(more.obstacles);
        self.unknowns.extend(more.unknowns);
    }

    /// The same, which is not known to be open.
    pub(super) fn unless(mut self, why: PathUnknown) -> Leg {
        self.unknowns.push(why);
        self
    }

    /// A way that may be this one or another that nobody sees, such as a proxy in the VPC.
    pub(super) fn perhaps(self, why: PathUnknown) -> Leg {
        let source = self.source.or_unseen();
        Leg { via: None, through: Vec::new(), source, obstacles: Vec::new(), ..self }.unless(why)
    }

    /// The same, of which it is not known what it goes through.
    pub(super) fn anonymous(self) -> Leg {
        let (endpoints, others) = self.source.ways();
        Leg { via: None, through: Vec::new(), source: Source::one_of(endpoints, others), ..self }
    }
}

/// Traffic takes one of these ways, and nobody knows which: what holds for all of them holds.
pub(super) fn either(legs: Vec<Leg>, why: PathUnknown) -> Leg {
    let mut legs = legs;
    if legs.len() <= 1 {
        return legs.pop().unwrap_or_else(|| Leg::unknown(why));
    }
    let first = legs.first().cloned().unwrap_or_default();
    let same = |differs: &dyn Fn(&Leg) -> bool| !legs.iter().any(differs);
    let via = first.via.filter(|_| same(&|leg| leg.via != first.via));
    let through = if same(&|leg| leg.through != first.through) { first.through } else { Vec::new() };
    let source = legs.iter().map(|leg| leg.source.clone()).reduce(|sum, one| sum.or(&one)).unwrap_or_default();
    let known = Leg { via, through, source, ..Leg::default() };
    if legs.iter().all(Leg::is_closed) {
        let obstacles = legs.into_iter().flat_map(|leg| leg.obstacles).collect();
        return Leg { obstacles, ..known };
    }
    if legs.iter().all(|leg| leg.decision() == Decision::Open) {
        return known;
    }
    let open = legs.into_iter().filter(|leg| leg.obstacles.is_empty());
    let unknowns = [why].into_iter().chain(open.flat_map(|leg| leg.unknowns)).collect();
    Leg { unknowns, ..known }
}
