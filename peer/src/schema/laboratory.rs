//! Orders to a laboratory peer, and their answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use chain::Forgery;

/// Whether a laboratory is cut off from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartitionOrder {
    #[schema(example = true)]
    pub(crate) on: bool,
}

/// The rule that a laboratory's block is to break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BadBlockOrder {
    /// One of those that `peer lab rules` shows.
    #[schema(schema_with = breakable_rule)]
    pub(crate) rule: String,
}

fn breakable_rule() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("One of those that `peer lab rules` shows."))
        .enum_values(Some(Forgery::OFFERED.map(|(rule, _)| rule.name())))
        .examples(["merkle_root"])
        .build()
}

/// An experiment that has begun, or what can be chosen for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "experiment", rename_all = "snake_case")]
pub(crate) enum Experiment {
    /// Nothing crosses, or everything does again.
    Partition { partitioned: bool },
    /// A block is mined that breaks this rule; an event tells when it was sent.
    BadBlock {
        rule: String,
        /// The height that it claims.
        height: u64,
    },
    /// A rival of the newest block is mined; an event tells when it was sent.
    Race {
        /// The height of both.
        height: u64,
    },
    /// The validator signs a second PREPARE at a height; an event tells of the evidence.
    SignTwice {
        /// The height of both.
        height: u64,
    },
    /// The rules that a bad block can break.
    Rules { rules: Vec<BreakableRule> },
}

/// A rule that a laboratory's block can break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct BreakableRule {
    pub(crate) rule: String,
    /// What is wrong with such a block.
    pub(crate) about: String,
}

impl Experiment {
    pub(crate) fn rules() -> Self {
        let rules = Forgery::OFFERED.iter().map(|(rule, about)| BreakableRule {
            rule: rule.name().to_owned(),
            about: (*about).to_owned(),
        });
        Self::Rules { rules: rules.collect() }
    }
}
