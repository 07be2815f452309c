//! Lists that come in pages: read to their end, or not known.
//!
//! A service says that there is more with a token. One that it gave before, or more pages than any list of AWS has, would lead on
//! for ever; and a list that is cut there would be a shorter one, from which a verdict could follow.

use std::collections::BTreeSet;

use super::error::Failure;
use crate::limits;

/// The pages of one list, as they come.
#[derive(Debug)]
pub struct Pages {
    api: &'static str,
    most: usize,
    read: usize,
    seen: BTreeSet<String>,
}

impl Pages {
    /// The pages that `api` (`iam:ListRolePolicies`) gives, at most so many.
    pub fn new(api: &'static str, most: usize) -> Pages {
        Pages { api, most, read: 0, seen: BTreeSet::new() }
    }

    /// One more page is read, and named `next` as the one behind it. Gives the token to ask with; none at the end of the list.
    ///
    /// # Errors
    /// If the list leads on for ever.
    pub fn after(&mut self, next: Option<String>) -> Result<Option<String>, Failure> {
        self.read += 1;
        let Some(token) = next.filter(|token| !token.is_empty()) else { return Ok(None) };
        match () {
            () if !self.seen.insert(token.clone()) => Err(unfinished(self.api)),
            () if self.read >= self.most => Err(Failure::beyond(self.api, self.most, "pages")),
            () => Ok(Some(token)),
        }
    }
}

/// Reads a list: `ask` gets the page of a token, and `take` takes in what is on it and gives the token of the next one.
///
/// # Errors
/// The first failure of either, or that the list leads on for ever.
pub async fn pages<P>(
    api: &'static str,
    ask: impl AsyncFnMut(Option<String>) -> Result<P, Failure>,
    take: impl FnMut(P) -> Result<Option<String>, Failure>,
) -> Result<(), Failure> {
    at_most(Pages::new(api, limits::PAGES), ask, take).await
}

/// As [`pages`], for a list that may have more of them than most.
///
/// # Errors
/// As those of [`pages`].
pub async fn at_most<P>(
    mut pages: Pages,
    mut ask: impl AsyncFnMut(Option<String>) -> Result<P, Failure>,
    mut take: impl FnMut(P) -> Result<Option<String>, Failure>,
) -> Result<(), Failure> {
    let mut token = None;
    loop {
        let page = ask(token).await?;
        token = pages.after(take(page)?)?;
        if token.is_none() {
            return Ok(());
        }
    }
}

/// The token of a page of IAM, which says beside whether it is the last one.
///
/// # Errors
/// If there is more, and no way to ask for it.
pub fn marker(api: &'static str, is_truncated: bool, marker: Option<String>) -> Result<Option<String>, Failure> {
    match marker.filter(|marker| !marker.is_empty()) {
        None if is_truncated => Err(unfinished(api)),
        marker => Ok(marker),
    }
}

fn unfinished(api: &str) -> Failure {
    Failure::incomplete(api, "its further pages")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(tokens: impl Fn(usize) -> Option<String>) -> (usize, Result<(), Failure>) {
        let mut asked = 0;
        let ended = pages(
            "iam:ListRoles",
            async |token| {
                assert_eq!(token.is_none(), asked == 0);
                asked += 1;
                Ok(asked)
            },
            |page| Ok(tokens(page)),
        );
        let ended = ended.await;
        (asked, ended)
    }

    #[tokio::test]
    async fn a_list_is_read_to_its_end() {
        let (asked, ended) = read(|page| (page < 5).then(|| page.to_string())).await;
        assert!(ended.is_ok() && asked == 5);
        let (asked, ended) = read(|_| Some(String::new())).await;
        assert!(ended.is_ok() && asked == 1);
    }

    #[tokio::test]
    async fn tokens_that_come_again_or_never_end_are_an_error() {
        for (period, most) in [(1, 2), (2, 3), (7, 8)] {
            let (asked, ended) = read(|page| Some((page % period).to_string())).await;
            assert!(asked <= most && ended.unwrap_err().into_unreadable().message.contains("its further pages"));
        }
        let (asked, ended) = read(|page| Some(page.to_string())).await;
        assert_eq!(asked, limits::PAGES);
        assert!(ended.unwrap_err().into_unreadable().message.contains("more than 1000 pages"));
    }

    #[test]
    fn iam_says_twice_whether_there_is_more() {
        let of = |truncated, token: Option<&str>| marker("iam:ListRoles", truncated, token.map(str::to_owned));
        assert_eq!(of(true, Some("a")), Ok(Some("a".to_owned())));
        assert_eq!(of(false, Some("a")), Ok(Some("a".to_owned())));
        assert_eq!(of(false, Some("")), Ok(None));
        assert!(of(true, None).is_err() && of(true, Some("")).is_err());
    }
}
