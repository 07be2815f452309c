mod evaluate;
mod read;

use super::template::Template;

pub fn template(text: &str) -> Template {
    Template::parse(text).unwrap()
}
