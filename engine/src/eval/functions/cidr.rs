//! Calculations with address ranges.
//!
//! The parser takes what Terraform's does, leading zeros included.

use std::net::{Ipv4Addr, Ipv6Addr};

use infra_types::{Number, Type, Value};
use num_bigint::{BigInt, Sign};
use num_traits::One;

use super::{FnError, Param, Spec, integer, returns, text};
use crate::eval::scope::Scope;

pub(super) fn specs() -> Vec<Spec> {
    let prefix = || Param::string("prefix");
    vec![
        Spec::new(
            "cidrhost",
            "Returns the address of a host within an address range.",
            vec![prefix(), Param::number("hostnum")],
            returns::string,
            cidrhost,
        ),
        Spec::new(
            "cidrnetmask",
            "Returns the netmask of an IPv4 address range.",
            vec![prefix()],
            returns::string,
            cidrnetmask,
        ),
        Spec::new(
            "cidrsubnet",
            "Returns a subnet of an address range.",
            vec![prefix(), Param::number("newbits"), Param::number("netnum")],
            returns::string,
            cidrsubnet,
        ),
        Spec::new(
            "cidrsubnets",
            "Returns consecutive subnets of an address range.",
            vec![prefix()],
            |_| Ok(Type::list(Type::String)),
            cidrsubnets,
        )
        .variadic(Param::number("newbits")),
    ]
}

/// An address of 32 or 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Address {
    bits: u32,
    value: u128,
}

/// An address range: the host part of the address is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    base: Address,
    prefix: u32,
}

/// Returns the bits above the host part.
fn mask(bits: u32, prefix: u32) -> u128 {
    let all = u128::MAX >> (128 - bits);
    all & !low(bits - prefix)
}

/// Returns a number with the lowest bits set.
fn low(bits: u32) -> u128 {
    1u128.checked_shl(bits).map_or(u128::MAX, |v| v - 1)
}

impl Address {
    /// Says whether it is an IPv4 address in IPv6 form.
    fn is_mapped(self) -> bool {
        self.bits == 128 && self.value >> 32 == 0xffff
    }

    /// Says whether Go's library would take it for an IPv4 address.
    fn is_v4(self) -> bool {
        self.bits == 32 || self.is_mapped()
    }

    fn show(self) -> String {
        if self.is_v4() {
            Ipv4Addr::from(self.value as u32).to_string()
        } else {
            Ipv6Addr::from(self.value).to_string()
        }
    }

    /// Takes the lowest bits of a number's magnitude, if it has no more.
    fn from_big(n: &BigInt, bits: u32) -> Option<Address> {
        let value = u128::try_from(n.magnitude().clone()).ok()?;
        (value <= low(bits)).then_some(Address { bits, value })
    }

    fn to_big(self) -> BigInt {
        BigInt::from(self.value)
    }
}

impl Network {
    fn new(address: Address, prefix: u32) -> Network {
        let value = address.value & mask(address.bits, prefix);
        Network {
            base: Address { value, ..address },
            prefix,
        }
    }

    fn last(self) -> u128 {
        self.base.value | low(self.base.bits - self.prefix)
    }

    fn contains(self, value: u128) -> bool {
        value & mask(self.base.bits, self.prefix) == self.base.value
    }

    fn show(self) -> String {
        let prefix = if self.base.is_mapped() {
            self.prefix.saturating_sub(96)
        } else {
            self.prefix
        };
        format!("{}/{prefix}", self.base.show())
    }
}

fn parse(args: &[Value]) -> Result<Network, FnError> {
    let cidr = text(args, 0);
    parse_cidr(cidr).ok_or_else(|| FnError::at(0, format!("\"{cidr}\" is not an address range such as 10.0.0.0/16")))
}

fn parse_cidr(cidr: &str) -> Option<Network> {
    let (address, prefix) = cidr.split_once('/')?;
    let address = if address.contains(':') {
        Address {
            bits: 128,
            value: parse_v6(address)?,
        }
    } else {
        Address {
            bits: 32,
            value: parse_v4(address)?.into(),
        }
    };
    let prefix = decimal(prefix, address.bits)?;
    Some(Network::new(address, prefix))
}

/// Reads digits only; leading zeros mean nothing.
fn decimal(digits: &str, max: u32) -> Option<u32> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    let n = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    (n <= max).then_some(n)
}

fn parse_v4(s: &str) -> Option<u32> {
    let mut parts = s.split('.');
    let mut value = 0;
    for _ in 0..4 {
        value = value << 8 | decimal(parts.next()?, 255)?;
    }
    parts.next().is_none().then_some(value)
}

fn parse_v6(s: &str) -> Option<u128> {
    let group = |g: &str| -> Option<u16> {
        let digits = g.trim_start_matches('0');
        let hex = !g.is_empty() && g.bytes().all(|b| b.is_ascii_hexdigit());
        match digits {
            _ if !hex => None,
            "" => Some(0),
            _ => u16::from_str_radix(digits, 16).ok(),
        }
    };
    let groups = |part: &str, ends: bool| -> Option<Vec<u16>> {
        if part.is_empty() {
            return Some(vec![]);
        }
        let mut out = Vec::new();
        let mut parts = part.split(':').peekable();
        while let Some(g) = parts.next() {
            if ends && parts.peek().is_none() && g.contains('.') {
                let v4 = parse_v4(g)?;
                out.extend([(v4 >> 16) as u16, v4 as u16]);
            } else {
                out.push(group(g)?);
            }
        }
        Some(out)
    };
    let all = match s.split_once("::") {
        None => groups(s, true)?,
        Some((head, tail)) => {
            let (mut head, tail) = (groups(head, false)?, groups(tail, true)?);
            let gap = 8usize.checked_sub(head.len() + tail.len()).filter(|gap| *gap > 0)?;
            head.extend(std::iter::repeat_n(0, gap));
            head.extend(tail);
            head
        }
    };
    (all.len() == 8).then(|| all.iter().fold(0, |v, g| v << 16 | u128::from(*g)))
}

/// Returns a whole number of any size from an argument.
fn big(args: &[Value], index: usize) -> Result<BigInt, FnError> {
    args[index]
        .as_number()
        .and_then(Number::to_bigint)
        .ok_or_else(|| FnError::at(index, "a whole number is required"))
}

/// Returns the lowest 64 bits of a number's magnitude.
fn low_64(n: &BigInt) -> u64 {
    n.magnitude().iter_u64_digits().next().unwrap_or_default()
}

/// Puts a number into an address, counted from `shift` bits above its end.
fn insert(base: Address, n: BigInt, shift: u32) -> Option<Address> {
    Address::from_big(&(base.to_big() | (n << shift)), base.bits)
}

fn cidrhost(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let network = parse(args)?;
    let mut host = big(args, 1)?;
    let bits = network.base.bits;
    let largest = (BigInt::one() << (bits - network.prefix)) - 1;
    let too_large = || FnError::at(1, format!("a prefix of {} has no room for this host", network.prefix));
    let counted = if host.sign() == Sign::Minus {
        let back: BigInt = -&host - 1;
        host = &largest - &back;
        back
    } else {
        // Terraform looks at 64 bits only, as a signed number.
        BigInt::from(low_64(&host) as i64)
    };
    if counted > largest {
        return Err(too_large());
    }
    // An IPv4 address in IPv6 form is taken for one of 32 bits here.
    let shift = if network.base.is_mapped() { 96 } else { 0 };
    insert(network.base, host, shift)
        .map(|a| a.show().into())
        .ok_or_else(too_large)
}

fn cidrnetmask(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let network = parse(args)?;
    if !network.base.is_v4() {
        return Err(FnError::at(0, "IPv6 address ranges have no netmask"));
    }
    let value = mask(network.base.bits, network.prefix);
    Ok(Address { value, ..network.base }.show().into())
}

fn cidrsubnet(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let network = parse(args)?;
    let new_bits = integer(args, 1)?;
    let number = big(args, 2)?;
    let bits = network.base.bits;
    let prefix = i64::from(network.prefix).saturating_add(new_bits);
    let prefix = u32::try_from(prefix).ok().filter(|p| *p <= bits).ok_or_else(|| {
        FnError::at(
            1,
            format!("a prefix of {} cannot be extended by {new_bits} bits", network.prefix),
        )
    })?;
    let too_large = || {
        FnError::at(
            2,
            format!("an extension by {new_bits} bits has no room for this subnet"),
        )
    };
    // Fewer bits instead of more are not checked, as in Terraform.
    let largest = u32::try_from(new_bits).map_or(u64::MAX, |n| low(n.min(64)) as u64);
    if low_64(&number) > largest {
        return Err(too_large());
    }
    let base = insert(network.base, number, bits - prefix).ok_or_else(too_large)?;
    Ok(Network { base, prefix }.show().into())
}

fn cidrsubnets(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let network = parse(args)?;
    let bits = network.base.bits;
    // The last address that is taken already.
    let mut taken: Option<u128> = None;
    let mut subnets = Vec::with_capacity(args.len() - 1);
    for i in 1..args.len() {
        let new_bits = match integer(args, i)? {
            ..1 => {
                return Err(FnError::at(i, "the prefix must be extended by at least one bit"));
            }
            n @ 1..=32 => n as u32,
            _ => {
                return Err(FnError::at(i, "the prefix must not be extended by more than 32 bits"));
            }
        };
        let prefix = network.prefix + new_bits;
        if prefix > bits {
            return Err(FnError::at(
                i,
                format!("a prefix of {prefix} bits is too long for an address of {bits} bits"),
            ));
        }
        let size = low(bits - prefix);
        let next = match taken {
            // Terraform starts before the range, and does not get over the beginning of all addresses.
            None if network.base.value == 0 => None,
            None => Some(network.base.value),
            Some(taken) => (taken | size).checked_add(1),
        };
        // An IPv4 address in IPv6 form is in no range of IPv6 addresses.
        let plain = |value: &u128| !Address { value: *value, bits }.is_mapped();
        let Some(next) = next.filter(|next| network.contains(*next) && plain(next)) else {
            return Err(FnError::at(
                i,
                format!("there is no room left for a subnet with a prefix of {prefix} bits"),
            ));
        };
        taken = Some(next | size);
        let base = Address {
            value: next,
            ..network.base
        };
        subnets.push(Network { base, prefix }.show());
    }
    debug_assert!(taken.is_none_or(|t| t <= network.last()));
    Ok(Value::strings(subnets))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused};
    use super::*;

    fn n(i: i64) -> Value {
        i.into()
    }

    #[test]
    fn subnets() {
        check("cidrsubnet", ["10.5.6.7/16".into(), n(8), n(1)], "10.5.1.0/24");
        check("cidrsubnet", ["010.001.002.000/8".into(), n(8), n(1)], "10.1.0.0/16");
        check("cidrsubnet", ["::ffff:10.0.0.0/120".into(), n(4), n(1)], "10.0.0.16/28");
        check(
            "cidrsubnet",
            ["fe80::/64".into(), n(64), n(4294967296)],
            "fe80::1:0:0/128",
        );
        check("cidrsubnet", ["10.0.0.0/8".into(), n(8), n(-1)], "0.1.0.0/16");
        refused("cidrsubnet", ["192.168.0.0/16".into(), n(1), n(5)]);
        refused("cidrsubnet", ["10.0.0.256/8".into(), n(8), n(1)]);
        refused("cidrsubnet", ["2001:db8::/129".into(), n(1), n(1)]);
        refused("cidrsubnet", ["10.0.0.0/30".into(), n(4), n(2)]);
    }

    #[test]
    fn hosts() {
        check("cidrhost", ["10.44.64.0/20".into(), n(-1)], "10.44.79.255");
        check(
            "cidrhost",
            ["fd00::/8".into(), n(-1)],
            "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        );
        check("cidrhost", ["10.0.0.0/24".into(), n(-256)], "10.0.0.0");
        refused("cidrhost", ["10.0.0.0/24".into(), n(-257)]);
        refused("cidrhost", ["10.0.0.0/32".into(), n(1)]);
        check("cidrnetmask", ["10.0.0.0/9".into()], "255.128.0.0");
        refused("cidrnetmask", ["::/0".into()]);
    }

    #[test]
    fn consecutive_subnets() {
        check(
            "cidrsubnets",
            ["10.0.0.0/8".into(), n(4), n(8), n(4)],
            Value::strings(["10.0.0.0/12", "10.16.0.0/16", "10.32.0.0/12"]),
        );
        refused("cidrsubnets", ["10.1.0.0/16".into(), n(1), n(1), n(1)]);
        refused("cidrsubnets", ["255.255.255.0/24".into(), n(1), n(1), n(1)]);
        refused("cidrsubnets", ["10.1.0.0/16".into(), n(0)]);
        check(
            "cidrsubnets",
            ["::fffe:0:0/94".into(), n(2), n(2)],
            Value::strings(["::fffc:0:0/96", "::fffd:0:0/96"]),
        );
        refused("cidrsubnets", ["::ffff:10.0.0.0/104".into(), n(1)]);
        refused("cidrsubnets", ["::fffe:0:0/95".into(), n(1), n(1)]);
    }
}
