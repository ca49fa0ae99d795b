//! The command `peer import`, which makes a data directory from an archive. The whole archive is
//! audited first, so no data directory ever starts from a chain that breaks a rule.

use protocol::election::Election;

use super::audit::{Visited, audit_source};
use super::finality;
use super::source::Source;
use super::{OfflineError, Undone};
use crate::cli::ImportChain;
use crate::render::Style;
use crate::schema::{AuditReport, Imported, Reply};
use crate::store::ChainImporter;
use crate::store::data_directory::DataDirectory;
use host::clock;
use node::SeenCertificate;

/// Makes a data directory. Its chain gets its name only after the whole archive was found to be
/// valid and is durable.
///
/// # Errors
/// When the archive breaks a rule, can't be read or can't be judged by this machine's clock, or when the directory has
/// a chain already or can't be written. After a refusal nothing is left that was not there before.
pub fn import(command: &ImportChain) -> Result<(), OfflineError> {
    let mut source = Source::open(&command.file)?;
    let election = source.election().clone();
    let directory = DataDirectory::open(command.data_dir.clone())?;
    let report = match import_into(&directory, &mut source, &election) {
        Ok(report) => report,
        Err(error) => {
            directory.discard();
            return Err(error);
        }
    };
    let imported = Imported {
        data_dir: directory.path().display().to_string(),
        election: report.election,
        tip: report.tip,
        votes: report.votes,
        registered_voters: report.registered_voters,
        turnout_percent: report.turnout_percent,
    };
    Ok(Style::of(command.format.json, false).print(&Reply::Imported(imported))?)
}

fn import_into(
    directory: &DataDirectory,
    source: &mut Source,
    election: &Election,
) -> Result<AuditReport, OfflineError> {
    let is_new = !directory.keeps_election(election)?;
    let mut importer = ChainImporter::create(directory.path(), &election.election_id())?;
    let audited = audit_source(source, clock::unix_now, |visited| {
        match visited {
            Visited::Block(block) => importer.append(std::slice::from_ref(block))?,
            Visited::Certificate(certificate, audit) => {
                let seen_at = clock::unix_now();
                let seen = SeenCertificate { certificate: certificate.clone(), seen_at };
                importer.certify(seen, finality::is_final(audit))?;
            }
        }
        Ok(())
    });
    let audited = audited.and_then(|outcome| outcome.whole(source.path(), Undone::Import));
    let kept = audited.and_then(|report| {
        directory.keep_election(election)?;
        Ok(report)
    });
    match kept {
        Ok(report) => {
            if let Err(error) = importer.finish() {
                if is_new {
                    directory.forget_election();
                }
                return Err(error.into());
            }
            Ok(report)
        }
        Err(error) => {
            // Whatever can't be tidied up, the first error is the one to tell.
            if let Err(left) = importer.abandon() {
                tracing::warn!(%left, "an unfinished import is left");
            }
            Err(error)
        }
    }
}
