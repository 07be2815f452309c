//! What a value of a template comes to: known, known in part, or not known for a reason that has a place.

use std::fmt;

/// Why something is not known before the template is deployed: lower case, no trailing period, with its line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Why {
    /// The line that it hangs on; 0 where the attribute that is not known says the place.
    pub line: usize,
    /// What is not known, and what settles it.
    pub what: String,
    /// The condition that cannot be decided for that.
    pub condition: Option<String>,
    /// The parameter whose whole value it is: what is not known of one parameter is the same wherever it stands.
    pub parameter: Option<String>,
    /// Whether it is a mistake of the template, which nothing settles.
    pub is_mistake: bool,
}

impl Why {
    /// A reason on a line.
    pub fn new(line: usize, what: impl Into<String>) -> Why {
        Why { line, what: what.into(), condition: None, parameter: None, is_mistake: false }
    }

    /// A mistake of the template on a line.
    pub fn mistake(line: usize, what: impl Into<String>) -> Why {
        Why { is_mistake: true, ..Why::new(line, what) }
    }

    /// The reason why the value of a parameter is not known.
    pub fn of_parameter(self, name: &str) -> Why {
        Why { parameter: Some(name.to_owned()), ..self }
    }

    /// The same reason for a value that is worked out of the one that it is of.
    pub fn derived(self) -> Why {
        Why { parameter: None, ..self }
    }

    /// The reason behind a condition. Of one that goes through another, the outer one is named.
    pub fn of_condition(self, name: &str) -> Why {
        Why { condition: Some(name.to_owned()), ..self }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(condition) = &self.condition {
            write!(f, "the condition `{condition}` cannot be decided: ")?;
        }
        f.write_str(&self.what)?;
        match self.line {
            0 => Ok(()),
            line => write!(f, " (line {line})"),
        }
    }
}

/// What a value comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `AWS::NoValue`: the property or item is left out.
    Nothing,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// A string.
    Text(Text),
    /// A list.
    List(Vec<Value>),
    /// A mapping.
    Map(Vec<(String, Value)>),
    /// It may be anything.
    Unknown(Why),
}

/// A string, some parts of which may be known only when the template is deployed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(pub Vec<Part>);

/// A part of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// These characters.
    Known(String),
    /// What AWS gives to a resource of the template: `Ref`, or `Fn::GetAtt` of an attribute.
    Of(Attribute),
    /// Any characters.
    Unknown(Why),
}

/// A character of a string, or a part of it that is not known.
#[derive(Clone, Copy)]
enum Token<'a> {
    Char(char),
    Open(&'a Part),
}

impl Token<'_> {
    /// Whether both certainly come to the same.
    fn is_same(&self, other: &Token<'_>) -> bool {
        match (self, other) {
            (Token::Char(own), Token::Char(other)) => own == other,
            (Token::Open(Part::Of(own)), Token::Open(Part::Of(other))) => {
                own.resource == other.resource && own.name == other.name
            }
            (Token::Open(Part::Unknown(own)), Token::Open(Part::Unknown(other))) => {
                own.parameter.is_some() && own.parameter == other.parameter
            }
            _ => false,
        }
    }
}

/// An attribute of a resource; `None` for what `Ref` gives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attribute {
    /// The resource's logical id.
    pub resource: String,
    /// The attribute's name.
    pub name: Option<String>,
    /// The line of the reference.
    pub line: usize,
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "`{name}` of the resource `{}`", self.resource),
            None => write!(f, "the name or ID of the resource `{}`", self.resource),
        }
    }
}

/// A pattern of parts: `*` for each that is not known.
pub fn pattern(parts: &[Part]) -> String {
    parts.iter().map(|part| if let Part::Known(known) = part { known.as_str() } else { "*" }).collect()
}

impl Text {
    /// A string that is known.
    pub fn known(text: impl Into<String>) -> Text {
        Text(vec![Part::Known(text.into())])
    }

    /// Adds parts at the end.
    pub fn push(&mut self, more: Text) {
        for part in more.0 {
            match (part, self.0.last_mut()) {
                (Part::Known(more), Some(Part::Known(known))) => known.push_str(&more),
                (Part::Known(more), _) if more.is_empty() => {}
                (part, _) => self.0.push(part),
            }
        }
    }

    /// The whole string, if it is known.
    pub fn as_known(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Known(text)] => Some(text),
            _ => None,
        }
    }

    /// The whole string.
    ///
    /// # Errors
    /// Why it is not known.
    pub fn to_known(&self) -> Result<&str, Why> {
        self.as_known().ok_or_else(|| self.why().unwrap_or_else(|| Why::new(0, "it is not known")))
    }

    /// A pattern of the string: `*` for each part that is not known.
    pub fn pattern(&self) -> String {
        pattern(&self.0)
    }

    /// The attribute that it is, if it is one and nothing else.
    pub fn as_attribute(&self) -> Option<&Attribute> {
        match self.0.as_slice() {
            [Part::Of(attribute)] => Some(attribute),
            _ => None,
        }
    }

    /// Why it is not known, if it is not.
    pub fn why(&self) -> Option<Why> {
        self.0.iter().find_map(|part| match part {
            Part::Known(_) => None,
            Part::Of(attribute) => {
                Some(Why::new(attribute.line, format!("{attribute} is known only after deployment")))
            }
            Part::Unknown(why) => Some(why.clone()),
        })
    }

    /// Whether another string may be the same, whatever those parts come to that are not known.
    pub fn may_equal(&self, other: &Text) -> bool {
        let (own, other) = (self.tokens(), other.tokens());
        let (own, other) = (own.as_slice(), other.as_slice());
        let same_start = own.iter().zip(other).take_while(|(a, b)| a.is_same(b)).count();
        let (own, other) = (own.split_at(same_start).1, other.split_at(same_start).1);
        let same_end = own.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a.is_same(b)).count();
        let (own, other) = (own.split_at(own.len() - same_end).0, other.split_at(other.len() - same_end).0);
        let differ = |pair: (Option<&Token<'_>>, Option<&Token<'_>>)| {
            matches!(pair, (Some(Token::Char(_)), Some(Token::Char(_))))
        };
        let characters = |tokens: &[Token<'_>]| tokens.iter().filter(|token| matches!(token, Token::Char(_))).count();
        let is_longer =
            |one: &[Token<'_>], than: &[Token<'_>]| characters(than) == than.len() && characters(one) > than.len();
        !differ((own.first(), other.first()))
            && !differ((own.last(), other.last()))
            && !is_longer(own, other)
            && !is_longer(other, own)
    }

    /// Whether another string is certainly the same, whatever those parts come to that are not known.
    pub fn is_same(&self, other: &Text) -> bool {
        let (own, other) = (self.tokens(), other.tokens());
        own.len() == other.len() && own.iter().zip(&other).all(|(own, other)| own.is_same(other))
    }

    fn tokens(&self) -> Vec<Token<'_>> {
        let mut tokens = Vec::new();
        for part in &self.0 {
            match part {
                Part::Known(text) => tokens.extend(text.chars().map(Token::Char)),
                part => tokens.push(Token::Open(part)),
            }
        }
        tokens
    }

    /// How many characters of it are known.
    pub fn length(&self) -> usize {
        self.0.iter().map(|part| if let Part::Known(text) = part { text.len() } else { 1 }).sum()
    }
}

impl Value {
    /// A string that is known.
    pub fn known(text: impl Into<String>) -> Value {
        Value::Text(Text::known(text))
    }

    /// The value as a string, as CloudFormation makes one of a number or a Boolean.
    pub fn to_text(&self) -> Option<Text> {
        match self {
            Value::Text(text) => Some(text.clone()),
            Value::Number(number) => Some(Text::known(number)),
            Value::Bool(value) => Some(Text::known(value.to_string())),
            Value::Unknown(why) => Some(Text(vec![Part::Unknown(why.clone())])),
            Value::Nothing | Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// A member of a mapping; nothing where it has none.
    pub fn get(&self, name: &str) -> Value {
        match self {
            Value::Map(members) => {
                members.iter().find(|(known, _)| known == name).map_or(Value::Nothing, |(_, value)| value.clone())
            }
            Value::Unknown(why) => Value::Unknown(why.clone().derived()),
            _ => Value::Nothing,
        }
    }

    /// The value as a string, if it is known.
    pub fn as_known(&self) -> Option<String> {
        self.to_text()?.as_known().map(str::to_owned)
    }

    /// The value as a string that is known. `called` is what a reason calls it.
    ///
    /// # Errors
    /// Why it is not known, or that it is no string.
    pub fn to_known(&self, called: &str) -> Result<String, Why> {
        match self.to_text() {
            Some(text) => text.to_known().map(str::to_owned),
            None => Err(self.why().unwrap_or_else(|| Why::new(0, format!("{called} is not a string")))),
        }
    }

    /// The items of a list, or the one value in the place of one.
    pub fn one_or_several(&self) -> &[Value] {
        match self {
            Value::List(items) => items,
            one => std::slice::from_ref(one),
        }
    }

    /// The items of a list, or the one value in the place of one; why it is not known, if so.
    pub fn items(&self) -> Result<&[Value], Why> {
        match self {
            Value::Nothing | Value::Null => Ok(&[]),
            Value::Unknown(why) => Err(why.clone()),
            other => Ok(other.one_or_several()),
        }
    }

    /// Why it, or something in it, is not known.
    pub fn why(&self) -> Option<Why> {
        match self {
            Value::Unknown(why) => Some(why.clone()),
            Value::Text(text) => text.why(),
            Value::List(items) => items.iter().find_map(Value::why),
            Value::Map(members) => members.iter().find_map(|(_, value)| value.why()),
            Value::Nothing | Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }
}

/// Whether a condition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It cannot be decided before the template is deployed.
    Unknown(Why),
}

impl From<bool> for Holds {
    fn from(value: bool) -> Holds {
        if value { Holds::Yes } else { Holds::No }
    }
}

impl Holds {
    /// No if one of both is no, else unknown if one is unknown.
    pub fn and(self, other: Holds) -> Holds {
        match (self, other) {
            (Holds::No, _) | (_, Holds::No) => Holds::No,
            (_, Holds::Unknown(why)) if why.is_mistake => Holds::Unknown(why),
            (Holds::Unknown(why), _) | (_, Holds::Unknown(why)) => Holds::Unknown(why),
            (Holds::Yes, Holds::Yes) => Holds::Yes,
        }
    }

    /// Yes if one of both is yes, else unknown if one is unknown.
    pub fn or(self, other: Holds) -> Holds {
        !(!self).and(!other)
    }
}

impl std::ops::Not for Holds {
    type Output = Holds;

    fn not(self) -> Holds {
        match self {
            Holds::Yes => Holds::No,
            Holds::No => Holds::Yes,
            Holds::Unknown(why) => Holds::Unknown(why),
        }
    }
}
