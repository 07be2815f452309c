//! The name that was nearly meant.

/// Of these names the one that is most like what was typed, if it is more alike than `alike`, from 0 to 1. `likeness` measures that.
pub fn nearest<'a>(
    names: impl IntoIterator<Item = &'a str>,
    likeness: impl Fn(&str) -> f64,
    alike: f64,
) -> Option<&'a str> {
    let rated = names.into_iter().map(|name| (likeness(name), name)).filter(|(rate, _)| *rate > alike);
    rated.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, name)| name)
}

/// The same by the measure and the bound that clap takes for flags.
pub fn nearest_as_clap<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.7;
    nearest(names, |name| strsim::jaro(typed, name), ALIKE)
}

/// The same for names whose case does not matter and whose beginning matters most.
pub fn nearest_in_any_case<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.85;
    nearest(names, |name| strsim::jaro_winkler(&name.to_lowercase(), &typed.to_lowercase()), ALIKE)
}
