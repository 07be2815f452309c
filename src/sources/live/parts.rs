//! Long lists, cut into parts that are listed side by side.
//!
//! A list of AWS is a chain: only a page names the next one, so that a Region of many instances costs as many rounds as it has
//! pages. What an instance id begins with cuts the list instead, because ids are random hexadecimal digits behind `i-0`. Nothing
//! promises that an endpoint understands such a filter, so each list proves that it does: the instances of the first page, which was
//! asked for without one, must all come again, and no part may give what is not of it. Where that fails, the chain is followed
//! from the first page on.
//!
//! Sources: [EC2, wildcards in filters](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html) and
//! [resource ids](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html).

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;

use futures::future::{join, try_join_all};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::aws::Failure;
use crate::aws::pages::Pages;
use crate::limits;

/// So many pages wait to be looked into. More would only fill memory.
const PAGES_AT_A_TIME: usize = 2;

/// No part of a Region has so many; one that has is none.
const PAGES_OF_A_PART: usize = 100;
/// The first page must have instances of so many parts: a thousand random ids are of all sixteen.
const LEAST_SHOWN: usize = 3;

/// A list that comes in pages.
pub(super) trait List: Send + Sync + 'static {
    /// What it lists.
    type Item: Send + 'static;
    /// The call that gives it (`ec2:DescribeInstances`).
    const API: &'static str;

    /// A page: that of a token, or the first one; of the whole list, or of a part.
    fn page(
        &self,
        part: Option<&Part>,
        token: Option<String>,
    ) -> impl Future<Output = Result<Page<Self::Item>, Failure>> + Send;

    /// The instance id of an item.
    fn id(item: &Self::Item) -> &str;
}

/// A page of a list.
pub(super) struct Page<T> {
    /// What is on it, once that is read.
    pub(super) items: Pin<Box<dyn Future<Output = Result<Vec<T>, Failure>> + Send>>,
    /// The token of the next one; none, or an empty one, on the last.
    pub(super) next: Option<String>,
}

/// What becomes known of a list, page by page.
pub(super) enum Told<T> {
    /// What is on a page. What is told twice may come twice.
    Items(Vec<T>),
    /// Parts do not work here, for this reason: the pages come one after another.
    Chain(String),
    /// There is no more, because a page could not be had.
    Failed(Failure),
}

/// The instances whose ids begin alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part(Vec<String>);

impl Part {
    /// The beginnings of its ids.
    pub(super) fn prefixes(&self) -> &[String] {
        &self.0
    }

    fn holds(&self, id: &str) -> bool {
        self.0.iter().any(|prefix| id.starts_with(prefix))
    }
}

/// All instance ids: sixteen parts of those that begin with `i-0`, as all new ones do, and one of the short ones of before 2018 that
/// do not.
fn parts() -> Vec<Part> {
    const DIGITS: &str = "0123456789abcdef";
    let long = DIGITS.chars().map(|digit| Part(vec![format!("i-0{digit}")]));
    let short = Part(DIGITS.chars().skip(1).map(|digit| format!("i-{digit}")).collect());
    long.chain([short]).collect()
}

/// Reads a list in a task of its own. `first` is told, once the first page is in, whether there are more.
pub(super) fn spawn<L: List>(
    list: L,
    in_parts: bool,
    first: Option<oneshot::Sender<bool>>,
) -> mpsc::Receiver<Told<L::Item>> {
    let (sender, receiver) = mpsc::channel(PAGES_AT_A_TIME);
    tokio::spawn(async move {
        if let Err(Broken::Failed(failure)) = read(&list, in_parts, first, &sender).await {
            // Nobody may want it any more.
            let _ = sender.send(Told::Failed(failure)).await;
        }
    });
    receiver
}

/// Why a list was not read to its end.
enum Broken {
    Failed(Failure),
    /// A part gave an instance that is not of it.
    Stray,
    /// Nobody wants it any more.
    Unwanted,
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Broken {
        Broken::Failed(failure)
    }
}

type Sender<L> = mpsc::Sender<Told<<L as List>::Item>>;

async fn read<L: List>(
    list: &L,
    in_parts: bool,
    first: Option<oneshot::Sender<bool>>,
    to: &Sender<L>,
) -> Result<(), Broken> {
    let page = list.page(None, None).await?;
    if let Some(first) = first {
        // Whoever waited may be gone.
        let _ = first.send(page.next.as_ref().is_some_and(|token| !token.is_empty()));
    }
    let mut pages = Pages::new(L::API, limits::PAGES);
    let (true, Some(token)) = (in_parts, page.next.clone().filter(|token| !token.is_empty())) else {
        return chain(list, None, page, pages, to, None).await;
    };
    pages.after(page.next)?;
    let items = page.items;
    // The parts are asked for before it is known what is on the first page, and wait for it with what they give.
    let proof = Mutex::new(Proof::default());
    let mut unproved = proof.lock().await;
    let first = async {
        let items = items.await?;
        unproved.given = items.iter().map(|item| L::id(item).to_owned()).collect();
        unproved.missing = unproved.given.iter().filter(|id| id.starts_with("i-")).cloned().collect();
        drop(unproved);
        hand_over::<L>(items, to).await
    };
    let parts = parts();
    let read = try_join_all(parts.iter().map(async |part| {
        let page = list.page(Some(part), None).await?;
        chain(list, Some(part), page, Pages::new(L::API, PAGES_OF_A_PART), to, Some(&proof)).await
    }));
    let (first, read) = join(first, read).await;
    first?;
    let Proof { given, missing } = proof.into_inner();
    let shown = parts.iter().filter(|part| given.iter().any(|id| part.holds(id))).count();
    let why = match read {
        Ok(_) if missing.is_empty() && shown >= LEAST_SHOWN => return Ok(()),
        Ok(_) if missing.is_empty() => "the first page has instances of too few parts to prove them".to_owned(),
        Ok(_) => format!("they lack {} instances of the first page", missing.len()),
        Err(Broken::Stray) => "one gave instances that are not of it".to_owned(),
        Err(Broken::Failed(failure)) => failure.into_unreadable().message,
        Err(Broken::Unwanted) => return Err(Broken::Unwanted),
    };
    to.send(Told::Chain(why)).await.map_err(|_| Broken::Unwanted)?;
    let page = list.page(None, Some(token)).await?;
    chain(list, None, page, pages, to, None).await
}

/// What shows that the parts are the whole list.
#[derive(Default)]
struct Proof {
    /// The ids of the first page.
    given: HashSet<String>,
    /// Those of instances that came not again yet.
    missing: HashSet<String>,
}

/// Hands over a page and those behind it; of a part only what the first page did not give.
async fn chain<L: List>(
    list: &L,
    part: Option<&Part>,
    mut page: Page<L::Item>,
    mut pages: Pages,
    to: &Sender<L>,
    proof: Option<&Mutex<Proof>>,
) -> Result<(), Broken> {
    loop {
        let next = pages.after(page.next);
        let items = page.items;
        let taken = async {
            let mut items = items.await?;
            if let (Some(part), Some(proof)) = (part, proof) {
                if !items.iter().all(|item| part.holds(L::id(item))) {
                    return Err(Broken::Stray);
                }
                let mut proof = proof.lock().await;
                items.retain(|item| {
                    proof.missing.remove(L::id(item));
                    !proof.given.contains(L::id(item))
                });
            }
            hand_over::<L>(items, to).await
        };
        let token = match next {
            Ok(Some(token)) => token,
            Ok(None) => return taken.await,
            Err(endless) => return taken.await.and(Err(endless.into())),
        };
        // The next page is on its way while this one is read.
        let (taken, answer) = join(taken, list.page(part, Some(token))).await;
        taken?;
        page = answer?;
    }
}

async fn hand_over<L: List>(items: Vec<L::Item>, to: &Sender<L>) -> Result<(), Broken> {
    to.send(Told::Items(items)).await.map_err(|_| Broken::Unwanted)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::future::ready;
    use std::sync::{Arc, Mutex as Lock};

    use super::*;

    /// How a list answers to the question for a part.
    #[derive(Clone, Copy, PartialEq)]
    enum Answers {
        Right,
        /// As if no part were asked for.
        Everything,
        Nothing,
        /// As the right ones, but for one instance.
        AllBut(&'static str),
        Error,
    }

    struct Ids {
        all: Vec<String>,
        answers: Answers,
        page: usize,
        asked: Asked,
    }

    /// The parts and tokens that were asked for.
    type Asked = Arc<Lock<Vec<(Option<Part>, Option<String>)>>>;

    impl List for Ids {
        type Item = String;
        const API: &'static str = "test:List";

        async fn page(&self, part: Option<&Part>, token: Option<String>) -> Result<Page<String>, Failure> {
            self.asked.lock().unwrap().push((part.cloned(), token.clone()));
            let fits = |id: &&String| match (part, self.answers) {
                (None, _) | (_, Answers::Everything) => true,
                (Some(part), Answers::Right) => part.holds(id),
                (Some(part), Answers::AllBut(other)) => part.holds(id) && *id != other,
                (Some(_), Answers::Nothing | Answers::Error) => false,
            };
            if part.is_some() && self.answers == Answers::Error {
                return Err(Failure::incomplete(Self::API, "anything"));
            }
            let from: usize = token.map_or(0, |token| token.parse().unwrap());
            let fitting: Vec<String> = self.all.iter().filter(fits).cloned().collect();
            let items = fitting.iter().skip(from).take(self.page).cloned().collect();
            let next = (fitting.len() > from + self.page).then(|| (from + self.page).to_string());
            Ok(Page { items: Box::pin(ready(Ok(items))), next })
        }

        fn id(item: &String) -> &str {
            item
        }
    }

    /// Long and short ids, of all parts.
    fn ids() -> Vec<String> {
        let long = (0..40_u32).map(|number| format!("i-0{:x}{number:015x}", number.wrapping_mul(7) % 16));
        let short = (0..20).map(|number| format!("i-{:x}{number:07x}", number % 16));
        let mut all: Vec<String> = long.chain(short).collect();
        all.sort_by_key(|id| id.bytes().rev().collect::<Vec<_>>());
        all
    }

    /// What came, whether the chain was followed, and how many calls of the chain that took beyond the first.
    async fn told(answers: Answers, page: usize, in_parts: bool) -> (Vec<String>, bool, usize) {
        let asked = Asked::default();
        let list = Ids { all: ids(), answers, page, asked: Arc::clone(&asked) };
        let mut receiver = spawn(list, in_parts, None);
        let (mut came, mut chain) = (Vec::new(), false);
        while let Some(told) = receiver.recv().await {
            match told {
                Told::Items(items) => came.extend(items),
                Told::Chain(_) => chain = true,
                Told::Failed(failure) => panic!("{failure:?}"),
            }
        }
        let of_chain = asked.lock().unwrap().iter().filter(|(part, token)| part.is_none() && token.is_some()).count();
        (came, chain, of_chain)
    }

    #[test]
    fn each_id_is_of_one_part() {
        let parts = parts();
        assert_eq!(parts.len(), 17);
        for id in ids() {
            assert_eq!(parts.iter().filter(|part| part.holds(&id)).count(), 1, "{id}");
        }
        for other in ["mi-0123456789abcdef0", "i-", ""] {
            assert!(!parts.iter().any(|part| part.holds(other)), "{other}");
        }
    }

    #[tokio::test]
    async fn parts_give_every_instance_once() {
        for page in [10, 30, 59] {
            let (mut came, chain, of_chain) = told(Answers::Right, page, true).await;
            came.sort();
            let mut all = ids();
            all.sort();
            assert_eq!((came, chain, of_chain), (all, false, 0), "{page}");
        }
    }

    #[tokio::test]
    async fn a_list_of_one_page_is_asked_for_once() {
        for page in [60, 1000] {
            let asked = Asked::default();
            let list = Ids { all: ids(), answers: Answers::Right, page, asked: Arc::clone(&asked) };
            let mut receiver = spawn(list, true, None);
            while receiver.recv().await.is_some() {}
            assert_eq!(*asked.lock().unwrap(), [(None, None)]);
        }
    }

    #[tokio::test]
    async fn whoever_does_not_know_parts_is_asked_page_after_page() {
        let first = ids().swap_remove(0);
        let lacking = Answers::AllBut(Box::leak(first.into_boxed_str()));
        for answers in [Answers::Everything, Answers::Nothing, Answers::Error, lacking] {
            let (came, chain, of_chain) = told(answers, 10, true).await;
            let came: BTreeSet<String> = came.into_iter().collect();
            assert_eq!((came, chain, of_chain), (ids().into_iter().collect(), true, 5));
        }
    }

    #[tokio::test]
    async fn a_first_page_that_proves_nothing_is_followed_by_the_others() {
        // Nothing on it, nodes that are no instances, or instances of one part.
        let hybrid = (0..10).map(|number| format!("mi-{number:017x}"));
        let of_one = (0..10).map(|number| format!("i-0a{number:015x}"));
        for (first, page) in [(hybrid.collect::<Vec<_>>(), 10), (of_one.collect(), 10)] {
            let all: Vec<String> = first.into_iter().chain(ids()).collect();
            let list = Ids { all: all.clone(), answers: Answers::Nothing, page, asked: Asked::default() };
            let mut receiver = spawn(list, true, None);
            let mut came = BTreeSet::new();
            while let Some(told) = receiver.recv().await {
                if let Told::Items(items) = told {
                    came.extend(items);
                }
            }
            assert_eq!(came, all.into_iter().collect());
        }
    }

    #[tokio::test]
    async fn where_no_parts_are_wanted_none_are_asked_for() {
        let (came, chain, of_chain) = told(Answers::Error, 10, false).await;
        assert_eq!((came, chain, of_chain), (ids(), false, 5));
    }
}
