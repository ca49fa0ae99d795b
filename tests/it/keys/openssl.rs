//! Round trips with the `openssl` program, both ways; and its keys that are no good here.

use std::path::PathBuf;
use std::process::Command;

use protocol::keys::PublicKey;

use super::{Desk, Done, field, mode_of};
use crate::harness::tool;

const PASSPHRASE: &str = "open sesame, öffne dich";

/// The digits of the public key that an answer shows.
fn digits_of(shown: &str) -> String {
    let key: PublicKey = field(shown, "voter key").parse().expect("a key");
    key.to_string()
}

const GENERATE: &str = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1";

struct OpenSsl {
    program: PathBuf,
    desk: Desk,
}

impl OpenSsl {
    /// `None` where it is not installed.
    fn new() -> Option<Self> {
        let desk = Desk::new();
        desk.write("passphrase", PASSPHRASE);
        // Of one file, openssl would take two lines.
        desk.write("again", PASSPHRASE);
        Some(Self { program: tool("openssl")?, desk })
    }

    fn try_run(&self, line: &str) -> Done {
        let mut command = Command::new(&self.program);
        command.env_clear().args(line.split(' '));
        self.desk.run(command)
    }

    fn run(&self, line: &str) -> String {
        let done = self.try_run(line);
        assert_eq!(done.code, Some(0), "openssl {line}: {done:?}");
        done.stdout
    }

    /// What it makes into a file that its owner alone can read.
    fn make(&self, name: &str, line: &str) {
        let text = self.run(line);
        self.desk.write(name, &text);
    }

    /// The compressed public key that it finds in a file, in hexadecimal digits.
    fn public_of(&self, name: &str, more: &str) -> String {
        let shown = self.run(&format!("ec -in {name} -noout -text -conv_form compressed{more}"));
        let (_, public) = shown.split_once("pub:").expect("it shows the public key");
        let digits = public.lines().skip(1).take_while(|line| line.starts_with(' '));
        digits.flat_map(str::chars).filter(char::is_ascii_hexdigit).collect()
    }
}

#[test]
fn openssl_reads_what_is_written_here() {
    let Some(openssl) = OpenSsl::new() else { return };
    let desk = &openssl.desk;
    let plain = desk.keys("new --key plain.key --no-phrase");
    let locked = desk.keys("new --key locked.key --no-phrase --passphrase-file passphrase");
    assert!(desk.read("locked.key").contains("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    assert_eq!(openssl.public_of("plain.key", ""), digits_of(&plain));
    let opened = openssl.public_of("locked.key", " -passin file:passphrase");
    assert_eq!(opened, digits_of(&locked));
    openssl.run("pkey -check -noout -in plain.key");
    openssl.run("pkey -check -noout -in locked.key -passin file:passphrase");
    let refused = openssl.try_run("pkey -noout -in locked.key -passin pass:shut");
    assert_ne!(refused.code, Some(0), "{refused:?}");
    for file in ["plain.key", "locked.key"] {
        assert_eq!(mode_of(&desk.path(file)), 0o600, "{file}");
        // The public key, too, which takes no passphrase.
        desk.write("public.pem", &desk.keys(&format!("export --public --key {file}")));
        let public = openssl.public_of("public.pem", " -pubin");
        assert_eq!(public, digits_of(&desk.keys(&format!("show --key {file}"))));
    }
    // And as it goes out of the file: locked as it is, or not.
    desk.keys("export --key locked.key --out copy.pem");
    desk.keys("export --key locked.key --plain --passphrase-file passphrase --out open.pem");
    assert_eq!(openssl.public_of("copy.pem", " -passin file:passphrase"), opened);
    assert_eq!(openssl.public_of("open.pem", ""), opened);
    assert_eq!(desk.read("copy.pem"), desk.read("locked.key"));
    assert_eq!((mode_of(&desk.path("copy.pem")), mode_of(&desk.path("open.pem"))), (0o600, 0o600));
}

#[test]
fn what_openssl_writes_is_read_here() {
    let Some(openssl) = OpenSsl::new() else { return };
    let desk = &openssl.desk;
    openssl.make("plain.pem", GENERATE);
    let public = openssl.public_of("plain.pem", "");
    let topk8 = "pkcs8 -topk8 -in plain.pem -passout file:passphrase";
    openssl.make("default.pem", topk8);
    openssl.make("scrypt.pem", &format!("{topk8} -scrypt"));
    openssl.make("rounds.pem", &format!("{topk8} -iter 600000 -v2prf hmacWithSHA512"));
    openssl.make("aes128.pem", &format!("{topk8} -v2 aes-128-cbc"));
    openssl.make("sec1.pem", "ec -in plain.pem");
    let with_parameters = openssl.run("ecparam -name secp256k1") + &desk.read("sec1.pem");
    desk.write("parameters.pem", &with_parameters);
    for (file, options) in [
        ("plain.pem", ""),
        ("sec1.pem", ""),
        ("parameters.pem", ""),
        ("default.pem", " --passphrase-file passphrase"),
        ("scrypt.pem", " --passphrase-file passphrase"),
        ("rounds.pem", " --passphrase-file passphrase"),
        ("aes128.pem", " --passphrase-file passphrase"),
    ] {
        let shown = desk.keys(&format!("show --key {file}{options}"));
        assert_eq!(digits_of(&shown), public, "{file}");
        let taken = desk.keys(&format!("import {file} --key taken.key --force{options}"));
        assert_eq!(digits_of(&taken), public, "{file}");
        // Who locked it before wants it locked still.
        let lock = if options.is_empty() { "none" } else { "yes" };
        assert!(field(&taken, "passphrase").starts_with(lock), "{file}: {taken}");
        let more = if options.is_empty() { "" } else { " -passin file:passphrase" };
        assert_eq!(openssl.public_of("taken.key", more), public, "{file}");
        assert_eq!(mode_of(&desk.path("taken.key")), 0o600);
    }
    // Locked by openssl, it does not say whose it is, until somebody opens it here.
    let message = desk.refused("show --key scrypt.pem");
    let expected = "scrypt.pem is locked and does not say whose it is: `peer key passwd --key scrypt.pem` writes that into it";
    assert_eq!(message, expected);
    let same = " --passphrase-file passphrase --new-passphrase-file passphrase";
    desk.keys(&format!("passwd --key scrypt.pem{same}"));
    assert_eq!(digits_of(&desk.keys("show --key scrypt.pem")), public);
}

#[test]
fn what_is_no_good_here_is_told_in_one_line_and_mended_as_that_says() {
    let Some(openssl) = OpenSsl::new() else { return };
    let desk = &openssl.desk;
    openssl.make("good.pem", GENERATE);
    let topk8 = "pkcs8 -topk8 -in good.pem -passout file:passphrase";
    openssl.make("p256.pem", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256");
    openssl.make("p256-sec1.pem", "ec -in p256.pem");
    openssl.make("rsa.pem", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048");
    openssl.make("rsa-former.pem", "rsa -in rsa.pem -traditional");
    openssl.make("ed25519.pem", "genpkey -algorithm ED25519");
    openssl.make("explicit.pem", &format!("{GENERATE} -pkeyopt ec_param_enc:explicit"));
    openssl.make("explicit-sec1.pem", "ec -in explicit.pem -param_enc explicit");
    openssl.make("former.pem", "ec -in good.pem -aes256 -passout file:passphrase");
    openssl.make("public.pem", "pkey -in good.pem -pubout");
    openssl.make("locked.pem", topk8);
    openssl.make("sha1.pem", &format!("{topk8} -v2prf hmacWithSHA1"));
    openssl.make("rounds.pem", &format!("{topk8} -iter 10000001"));
    openssl.make("scrypt.pem", &format!("{topk8} -scrypt -scrypt_N 16384 -scrypt_r 8 -scrypt_p 9"));
    let good = desk.read("good.pem");
    desk.write("cut.pem", &good[..good.len() / 2]);
    desk.write("swapped.pem", &good.replacen("MI", "IM", 1));
    desk.write("nothing.pem", "no key at all\n");
    desk.write("wrong", "shut sesame\n");
    let other_way = "is encrypted in a way that is not read here: write it anew by `openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in OLD -out NEW`";
    let explicit = "spells its curve out instead of naming it: write it anew by `openssl pkey -ec_param_enc named_curve -in OLD -out NEW`";
    for (file, expected) in [
        ("p256.pem", "holds a key on another curve (P-256): one on secp256k1 is needed"),
        ("p256-sec1.pem", "holds a key on another curve (P-256): one on secp256k1 is needed"),
        ("rsa.pem", "holds a key of another kind (RSA): an EC key on secp256k1 is needed"),
        ("rsa-former.pem", "holds a key of another kind (RSA): an EC key on secp256k1 is needed"),
        ("ed25519.pem", "holds a key of another kind (Ed25519): an EC key on secp256k1 is needed"),
        ("explicit.pem", explicit),
        ("explicit-sec1.pem", explicit),
        (
            "former.pem",
            "is encrypted in OpenSSL's former way: write it anew by `openssl pkcs8 -topk8 -in OLD -out NEW`",
        ),
        ("sha1.pem", other_way),
        ("public.pem", "holds a public key alone: the secret one is needed"),
        ("cut.pem", "has a PEM block that is cut short or damaged"),
        ("swapped.pem", "has a PEM block that is cut short or damaged"),
        ("nothing.pem", "has no block of a private key in PEM"),
        ("rounds.pem", "asks for 10000001 rounds of PBKDF2, and at most 10000000 are done"),
        ("scrypt.pem", "asks for scrypt with N × r × p = 1179648, and at most 1048576 is done"),
    ] {
        let more = " --passphrase-file passphrase";
        assert_eq!(desk.refused(&format!("show --key {file}{more}")), format!("{file} {expected}"));
        let refused = desk.refused(&format!("import {file} --key new.key{more}"));
        assert_eq!(refused, format!("{file} {expected}"));
        assert!(!desk.path("new.key").exists(), "{file}");
    }
    assert_eq!(
        desk.refused("import locked.pem --key new.key --passphrase-file wrong"),
        "this is not the passphrase of locked.pem"
    );
    assert_eq!(
        desk.refused("import locked.pem --key new.key"),
        "there is no terminal to ask for the passphrase: name a --passphrase-file or --passphrase-fd"
    );
    // What the messages advise helps.
    let passwords = "-passin file:passphrase -passout file:again";
    openssl.make("mended-1.pem", "pkey -ec_param_enc named_curve -in explicit.pem");
    openssl.make("mended-2.pem", &format!("pkcs8 -topk8 -in former.pem {passwords}"));
    openssl.make(
        "mended-3.pem",
        &format!("pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in sha1.pem {passwords}"),
    );
    for file in ["mended-1.pem", "mended-2.pem", "mended-3.pem"] {
        desk.keys(&format!("import {file} --key {file}.key --passphrase-file passphrase"));
    }
}
