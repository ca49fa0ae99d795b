//! Why a text holds no usable key.

use super::{PBKDF2_ROUNDS_MAX, SCRYPT_WORK_MAX};

/// The reason why a text holds no usable key. Each message continues a sentence that begins with
/// the name of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// There is no PEM block of a private key.
    #[error("has no block of a private key in PEM")]
    NoBlock,
    /// There is more than one PEM block of a private key.
    #[error("holds several private keys: leave one of them in it")]
    SeveralKeys,
    /// There is a PEM block of a public key, but none of a private key.
    #[error("holds a public key alone: the secret one is needed")]
    PublicAlone,
    /// The PEM block cannot be decoded.
    #[error("has a PEM block that is cut short or damaged")]
    Damaged,
    /// The key is encrypted in the format that OpenSSL used before PKCS#8.
    #[error(
        "is encrypted in OpenSSL's former way: write it anew by `openssl pkcs8 -topk8 -in OLD -out NEW`"
    )]
    FormerEncryption,
    /// The key is encrypted with an algorithm that is not supported.
    #[error(
        "is encrypted in a way that is not read here: write it anew by `openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in OLD -out NEW`"
    )]
    OtherEncryption,
    /// Unlocking the key would cost more work of scrypt than this program is willing to do.
    #[error("asks for scrypt with N × r × p = {asked}, and at most {SCRYPT_WORK_MAX} is done")]
    ScryptWork {
        /// The cost that the file asks for.
        asked: u128,
    },
    /// Unlocking the key would take more rounds of PBKDF2 than this program is willing to do.
    #[error("asks for {asked} rounds of PBKDF2, and at most {PBKDF2_ROUNDS_MAX} are done")]
    Pbkdf2Rounds {
        /// The number of rounds that the file asks for.
        asked: u32,
    },
    /// The key belongs to another algorithm, such as RSA.
    #[error("holds a key of another kind ({algorithm}): an EC key on secp256k1 is needed")]
    OtherAlgorithm {
        /// The name of the algorithm, or its object identifier.
        algorithm: String,
    },
    /// The key lies on another elliptic curve.
    #[error("holds a key on another curve ({curve}): one on secp256k1 is needed")]
    OtherCurve {
        /// The name of the curve, or its object identifier.
        curve: String,
    },
    /// The file gives the parameters of its curve instead of the curve's name.
    #[error(
        "spells its curve out instead of naming it: write it anew by `openssl pkey -ec_param_enc named_curve -in OLD -out NEW`"
    )]
    ExplicitCurve,
    /// The key's number is zero or too large.
    #[error("holds no secret key of secp256k1")]
    NotASecretKey,
}
