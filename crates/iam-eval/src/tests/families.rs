//! Condition operators with what they compare, for the generators of the tests and for the fuzz target.

/// A key, values that a request may have there, the operators for it, and values that a policy may name.
#[derive(Debug)]
pub struct Family {
    pub key: &'static str,
    pub values: &'static [&'static str],
    pub operators: &'static [&'static str],
    pub wanted: &'static [&'static str],
}

/// Operators that compare text.
pub const TEXT_OPERATORS: [&str; 6] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
];

pub const NUMBER: Family = Family {
    key: "k:number",
    values: &["1", "2.0", "-3", "1e1"],
    operators: &[
        "NumericEquals",
        "NumericNotEquals",
        "NumericLessThan",
        "NumericLessThanEquals",
        "NumericGreaterThan",
        "NumericGreaterThanEquals",
    ],
    wanted: &["1", "1.0", "2", "-3", "0", "10"],
};

pub const DATE: Family = Family {
    key: "k:date",
    values: &["2020-01-01T00:00:00Z", "1577923200", "2020-01-03T00:00:00Z"],
    operators: &[
        "DateEquals",
        "DateNotEquals",
        "DateLessThan",
        "DateLessThanEquals",
        "DateGreaterThan",
        "DateGreaterThanEquals",
    ],
    wanted: &["1577836800", "2020-01-02T00:00:00Z", "2020-01-04T00:00:00Z"],
};

pub const BOOL: Family =
    Family { key: "k:bool", values: &["true", "False"], operators: &["Bool"], wanted: &["true", "FALSE"] };

pub const BINARY: Family =
    Family { key: "k:binary", values: &["QQ==", "Qg=="], operators: &["BinaryEquals"], wanted: &["QQ==", "Qg=="] };

pub const ADDRESS: Family = Family {
    key: "k:address",
    values: &["10.0.0.1", "10.128.0.1", "2001:db8::1"],
    operators: &["IpAddress", "NotIpAddress"],
    wanted: &["10.0.0.0/8", "10.0.0.0/9", "10.0.0.1", "0.0.0.0/0", "::/0", "10.128.0.1/32"],
};

pub const ARN: Family = Family {
    key: "k:arn",
    values: &["arn:aws:ec2:north:1:instance/a", "arn:aws:s3:::bucket/a:b", "none"],
    operators: &["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"],
    wanted: &[
        "arn:aws:ec2:*:*:instance/*",
        "arn:aws:s3:::*",
        "arn:*:*:*:*:*",
        "*:*:*:*:*:${k:other, 'bucket/a:b'}",
        "none",
    ],
};
