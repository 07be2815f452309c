//! Tags and names that were nearly meant, where no instance has those that were typed.

use std::collections::BTreeSet;

use crate::command_line::Command;
use crate::facts::Instance;
use crate::nearest::nearest_in_any_case;
use crate::target::tag_matches;

/// So many are proposed.
const MOST: usize = 3;

/// Which of these instances is named nearly as what was typed: a hint.
pub fn of_name(typed: &str, instances: &[Instance]) -> Option<String> {
    let alive = instances.iter().filter(|instance| instance.state != "terminated");
    let near = nearest_in_any_case(typed, alive.filter_map(|instance| instance.name.as_deref()))?;
    let command = Command::default().operand(near);
    Some(format!("no instance has the tag `Name={typed}`; did you mean `{command}`?"))
}

/// Which tags of these instances are spelled nearly as those of a selection that matched none: a hint for each.
pub fn of(tags: &[(String, String)], instances: &[&Instance]) -> Vec<String> {
    let mut hints = Vec::new();
    for (key, value) in tags {
        let has = |instance: &&Instance| instance.tags.get(key).is_some_and(|known| tag_matches(value, known));
        if instances.iter().any(has) {
            continue;
        }
        let near: BTreeSet<(&String, &String)> = instances
            .iter()
            .flat_map(|instance| &instance.tags)
            .filter(|(known, of)| known.eq_ignore_ascii_case(key) && (*known != key || of.eq_ignore_ascii_case(value)))
            .collect();
        // A tag that differs in case alone is what was meant.
        let is_same = |(_, of): &&(&String, &String)| of.eq_ignore_ascii_case(value);
        let same: Vec<_> = near.iter().filter(is_same).copied().collect();
        let near = if same.is_empty() { near.into_iter().collect() } else { same };
        let commands = near.into_iter().take(MOST).map(|(known, of)| {
            let value = if of.eq_ignore_ascii_case(value) || !value.contains('*') { of } else { value };
            format!("`{}`", Command::default().option("--tag", format!("{known}={value}")))
        });
        let commands: BTreeSet<String> = commands.collect();
        if !commands.is_empty() {
            let commands: Vec<String> = commands.into_iter().collect();
            hints.push(format!("no instance has the tag `{key}={value}`; did you mean {}?", commands.join(" or ")));
        }
    }
    hints
}
