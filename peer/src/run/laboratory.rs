//! Decides in which elections a laboratory peer may run. A laboratory peer lies when it is told to,
//! so it must never run in an election in which somebody decides who may vote.

use protocol::election::Election;

/// The reason why a peer does not run as a laboratory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LaboratoryError {
    #[error(
        "this election has {registrars} who admit its voters, and a laboratory lies on command: start this peer without --lab, or make a ballot to play with by `peer ballot new`",
        registrars = if *registrars == 1 { "a registrar".to_owned() } else { format!("{registrars} registrars") }
    )]
    Registrars { registrars: usize },
}

/// # Errors
/// When the election has registrars.
pub(super) fn check(election: &Election) -> Result<(), LaboratoryError> {
    match election.admission.registrars().len() {
        0 => Ok(()),
        registrars => Err(LaboratoryError::Registrars { registrars }),
    }
}

#[cfg(test)]
mod tests {
    use protocol::admission::{AdmissionRule, Registrar};

    use super::*;
    use chain::fixtures;

    #[test]
    fn a_laboratory_runs_only_where_nobody_is_admitted() {
        assert_eq!(check(&fixtures::election()), Ok(()));
        for (count, words) in [(1, "has a registrar who"), (3, "has 3 registrars who")] {
            let registrar = |number: u8| Registrar {
                name: format!("Registrar {number}"),
                key: fixtures::key(number).public(),
            };
            let registrars = (0..count).map(registrar).collect();
            let admission = AdmissionRule::Registrars { registrars, threshold: 1 };
            let election = Election { admission, ..fixtures::election() };
            let error = check(&election).expect_err("somebody decides who may vote");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
