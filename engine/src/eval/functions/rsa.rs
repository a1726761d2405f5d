//! RSA private keys, and decryption with PKCS #1 v1.5 padding, for `rsadecrypt`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;

/// The longest modulus that is taken, in bits.
const MAX_BITS: u64 = 16_384;

/// A private key.
pub(super) struct PrivateKey {
    modulus: BigUint,
    exponent: BigUint,
}

impl PrivateKey {
    /// Reads a key without a password: `RSA PRIVATE KEY` or `PRIVATE KEY`.
    pub(super) fn from_pem(pem: &str) -> Result<PrivateKey, &'static str> {
        const WRONG: &str = "this is not an RSA private key in PEM form";
        let (_, rest) = pem.split_once("-----BEGIN ").ok_or(WRONG)?;
        let (label, rest) = rest.split_once("-----").ok_or(WRONG)?;
        let (body, _) = rest.split_once("-----END ").ok_or(WRONG)?;
        if body.contains(':') {
            return Err("keys with a password are not supported");
        }
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| WRONG)?;
        let key = match label {
            "RSA PRIVATE KEY" => pkcs1(&der),
            "PRIVATE KEY" => pkcs8(&der),
            "OPENSSH PRIVATE KEY" => openssh(&der),
            _ => return Err("the key must be an RSA private key without a password"),
        };
        key.filter(|k| k.modulus.bits() <= MAX_BITS && k.modulus.bits() > 0)
            .ok_or(WRONG)
    }

    /// Decrypts, and takes away the padding.
    pub(super) fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let size = usize::try_from(self.modulus.bits().div_ceil(8)).ok()?;
        let cipher = BigUint::from_bytes_be(cipher);
        if cipher >= self.modulus {
            return None;
        }
        let plain = cipher.modpow(&self.exponent, &self.modulus).to_bytes_be();
        // The block begins with a zero byte, which the number does not show.
        let padded = plain.strip_prefix(&[2])?;
        if plain.len() + 1 != size {
            return None;
        }
        let end = padded.iter().position(|b| *b == 0).filter(|at| *at >= 8)?;
        Some(padded[end + 1..].to_vec())
    }
}

/// Takes a DER element with this tag; returns its contents and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.len() > 4 {
            return None;
        }
        (bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b)), rest)
    };
    rest.split_at_checked(length)
}

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

fn pkcs1(der: &[u8]) -> Option<PrivateKey> {
    let (body, _) = element(der, SEQUENCE)?;
    let (_version, rest) = element(body, INTEGER)?;
    let (modulus, rest) = element(rest, INTEGER)?;
    let (_public, rest) = element(rest, INTEGER)?;
    let (exponent, _) = element(rest, INTEGER)?;
    Some(PrivateKey {
        modulus: BigUint::from_bytes_be(modulus),
        exponent: BigUint::from_bytes_be(exponent),
    })
}

fn pkcs8(der: &[u8]) -> Option<PrivateKey> {
    let (body, _) = element(der, SEQUENCE)?;
    let (_version, rest) = element(body, INTEGER)?;
    let (_algorithm, rest) = element(rest, SEQUENCE)?;
    pkcs1(element(rest, OCTETS)?.0)
}

/// Reads OpenSSH's own form: length-prefixed fields behind a fixed header.
fn openssh(bytes: &[u8]) -> Option<PrivateKey> {
    fn field<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (found, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        *rest = after;
        Some(found)
    }
    let mut rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
    let (cipher, _derivation, _options) = (field(&mut rest)?, field(&mut rest)?, field(&mut rest)?);
    let (_count, after) = rest.split_first_chunk::<4>()?;
    rest = after;
    let (_public, mut secret) = (field(&mut rest)?, field(&mut rest)?);
    if cipher != b"none" {
        return None;
    }
    let (_check, after) = secret.split_at_checked(8)?;
    secret = after;
    if field(&mut secret)? != b"ssh-rsa" {
        return None;
    }
    let (modulus, _public, exponent) = (field(&mut secret)?, field(&mut secret)?, field(&mut secret)?);
    Some(PrivateKey {
        modulus: BigUint::from_bytes_be(modulus),
        exponent: BigUint::from_bytes_be(exponent),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a DER element with short contents.
    fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
        [&[tag, contents.len() as u8], contents].concat()
    }

    /// A key far too short for use, of two primes of 64 bits.
    fn key_parts() -> (BigUint, BigUint) {
        let (p, q) = (18_446_744_073_709_551_557u128, 18_446_744_073_709_551_533u128);
        let one = BigUint::from(1u8);
        let (p, q) = (BigUint::from(p), BigUint::from(q));
        let exponent = BigUint::from(65537u32).modinv(&((&p - &one) * (&q - &one)));
        (&p * &q, exponent.unwrap())
    }

    fn pem(label: &str, der: &[u8]) -> String {
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            STANDARD.encode(der)
        )
    }

    #[test]
    fn keys_are_read_and_used() {
        let (modulus, exponent) = key_parts();
        let number = |n: &BigUint| der(INTEGER, &[&[0], &n.to_bytes_be()[..]].concat());
        let fields = [
            der(INTEGER, &[0]),
            number(&modulus),
            number(&BigUint::from(65537u32)),
            number(&exponent),
        ];
        let pkcs1 = der(SEQUENCE, &fields.concat());
        let pkcs8 = der(
            SEQUENCE,
            &[der(INTEGER, &[0]), der(SEQUENCE, &[]), der(OCTETS, &pkcs1)].concat(),
        );
        let block = [&[2], &[7u8; 8][..], &[0], b"hello"].concat();
        let cipher = BigUint::from_bytes_be(&block).modpow(&BigUint::from(65537u32), &modulus);
        for pem in [pem("RSA PRIVATE KEY", &pkcs1), pem("PRIVATE KEY", &pkcs8)] {
            let key = PrivateKey::from_pem(&pem).unwrap();
            assert_eq!(key.decrypt(&cipher.to_bytes_be()).as_deref(), Some(&b"hello"[..]));
            assert_eq!(key.decrypt(&[1, 2, 3]), None);
        }
        assert!(PrivateKey::from_pem("nonsense").is_err());
        assert!(PrivateKey::from_pem(&pem("EC PRIVATE KEY", &pkcs1)).is_err());
        assert!(PrivateKey::from_pem(&pem("RSA PRIVATE KEY", &pkcs1[..9])).is_err());
    }
}
