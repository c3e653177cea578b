//! What is kept of a list: about a kilobyte, whatever its size.
//!
//! May touch: `model`. Its extensions are read here (RFC 5280 section 5.2).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::points;
use super::watched::normalised;
use crate::model::{DistributionPoint, RevocationReason, RevokedFor, UnixTime};
use crate::pki::der::{self, Malformed, Reader};

/// RFC 5280 section 5.2.3 allows 20 octets.
const NUMBER_BYTES: usize = 1024;

/// One list, and what it says of the watched serial numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrlList {
    /// DER Name.
    pub issuer: Arc<[u8]>,
    /// thisUpdate
    pub this_update: UnixTime,
    /// nextUpdate; a list without it is legal.
    pub next_update: Option<UnixTime>,
    /// cRLNumber's INTEGER contents without redundant leading bytes.
    pub number: Option<Box<[u8]>>,
    /// A delta CRL: BaseCRLNumber, as `number` is written.
    pub base_number: Option<Box<[u8]>>,
    /// Authority key identifier.
    pub authority_key: Option<Box<[u8]>>,
    /// Issuing distribution point; `None`: everything of its issuer.
    pub scope: Option<Scope>,
    /// Freshest CRL: where its deltas are.
    pub freshest: Box<[DistributionPoint]>,
    /// Why it is not to be used for anything, although it can be read.
    pub unusable: Option<RevocationReason>,
    /// How many entries it has.
    pub entries: u64,
    /// The entries about watched serial numbers, in the order of these.
    pub matches: Vec<Entry>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The serial number without redundant leading bytes.
    pub serial: Box<[u8]>,
    /// DER Name of the certificate's issuer, where an indirect CRL names it in this entry or one before; `None`: the list's issuer.
    pub issuer: Option<Arc<[u8]>>,
    /// revocationDate
    pub at: UnixTime,
    /// Why.
    pub reason: RevokedFor,
    /// invalidityDate: since when it is suspected.
    pub invalid_since: Option<UnixTime>,
}

/// Issuing distribution point (RFC 5280 section 5.2.5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Its names, each a DER GeneralName; one that is relative to the issuer is written out in full (as directoryName).
    pub names: Box<[Box<[u8]>]>,
    /// onlyContainsUserCerts
    pub only_user: bool,
    /// onlyContainsCACerts
    pub only_ca: bool,
    /// onlyContainsAttributeCerts
    pub only_attribute: bool,
    /// onlySomeReasons, as [`DistributionPoint::reasons`].
    pub reasons: Option<u16>,
    /// indirectCRL
    pub indirect: bool,
}

impl CrlList {
    /// Whether it lists changes only.
    pub fn is_delta(&self) -> bool {
        self.base_number.is_some()
    }

    pub(super) fn is_indirect(&self) -> bool {
        self.scope.as_ref().is_some_and(|scope| scope.indirect)
    }

    /// Reads the contents of crlExtensions.
    pub(super) fn read_extensions(&mut self, contents: &[u8]) -> Result<(), Malformed> {
        let mut outer = Reader::new(contents);
        let mut extensions = Reader::new(outer.expect(der::SEQUENCE)?);
        outer.finish()?;
        let mut seen = 0_u64;
        while !extensions.is_empty() {
            let extension = Extension::read(&mut extensions)?;
            let [0x55, 0x1d, last] = extension.id else {
                // authorityInfoAccess helps to find the signer, and changes nothing.
                if extension.critical && extension.id != b"\x2b\x06\x01\x05\x05\x07\x01\x01" {
                    self.spoil(RevocationReason::CriticalExtension);
                }
                continue;
            };
            // RFC 5280 section 4.2: not more than one of each.
            let bit = 1_u64 << (last & 63);
            if matches!(last, 20 | 27 | 28 | 35 | 46) && seen & bit != 0 {
                self.spoil(RevocationReason::Malformed);
                continue;
            }
            seen |= bit;
            match last {
                // issuerAltName
                18 => {}
                20 => self.number = Some(number(extension.value)?),
                27 => self.base_number = Some(number(extension.value)?),
                28 => match Scope::read(extension.value, &self.issuer) {
                    Ok(scope) => self.scope = Some(scope),
                    Err(_) => self.spoil(RevocationReason::Malformed),
                },
                35 => match key_identifier(extension.value) {
                    Ok(identifier) => self.authority_key = identifier.map(Into::into),
                    Err(_) => self.spoil(RevocationReason::Malformed),
                },
                46 => match points::read(extension.value, &self.issuer) {
                    Ok(points) => self.freshest = points.into(),
                    Err(_) => self.spoil(RevocationReason::Malformed),
                },
                _ if extension.critical => self.spoil(RevocationReason::CriticalExtension),
                _ => {}
            }
        }
        Ok(())
    }

    /// The first reason stays.
    pub(super) fn spoil(&mut self, reason: RevocationReason) {
        self.unusable.get_or_insert(reason);
    }
}

/// One extension.
pub(super) struct Extension<'a> {
    pub(super) id: &'a [u8],
    pub(super) critical: bool,
    pub(super) value: &'a [u8],
}

impl<'a> Extension<'a> {
    pub(super) fn read(extensions: &mut Reader<'a>) -> Result<Self, Malformed> {
        let mut extension = Reader::new(extensions.expect(der::SEQUENCE)?);
        let id = extension.expect(der::OID)?;
        let critical = extension.optional(0x01)?.is_some_and(is_true);
        let value = extension.expect(der::OCTET_STRING)?;
        extension.finish()?;
        Ok(Self { id, critical, value })
    }
}

impl Scope {
    fn read(value: &[u8], issuer: &[u8]) -> Result<Self, Malformed> {
        let mut outer = Reader::new(value);
        let mut fields = Reader::new(outer.expect(der::SEQUENCE)?);
        outer.finish()?;
        // RFC 5280 section 5.2.5: an empty one must not be.
        if fields.is_empty() {
            return Err(Malformed::Ended);
        }
        let mut scope = Self::default();
        if let Some(name) = fields.optional(0xa0)? {
            scope.names = points::names(name, issuer)?.into();
        }
        scope.only_user = fields.optional(0x81)?.is_some_and(is_true);
        scope.only_ca = fields.optional(0x82)?.is_some_and(is_true);
        scope.reasons = fields.optional(0x83)?.map(points::reasons).transpose()?;
        scope.indirect = fields.optional(0x84)?.is_some_and(is_true);
        scope.only_attribute = fields.optional(0x85)?.is_some_and(is_true);
        fields.finish()?;
        let kinds = [scope.only_user, scope.only_ca, scope.only_attribute];
        if kinds.iter().filter(|only| **only).count() > 1 {
            return Err(Malformed::Number);
        }
        Ok(scope)
    }
}

/// ReasonFlags' numbers (RFC 5280 section 5.3.1).
pub(super) fn revoked_for(code: &[u8]) -> Result<RevokedFor, Malformed> {
    Ok(match code {
        [0] => RevokedFor::Unspecified,
        [1] => RevokedFor::KeyCompromise,
        [2] => RevokedFor::CaCompromise,
        [3] => RevokedFor::AffiliationChanged,
        [4] => RevokedFor::Superseded,
        [5] => RevokedFor::CessationOfOperation,
        [6] => RevokedFor::CertificateHold,
        [8] => RevokedFor::RemoveFromCrl,
        [9] => RevokedFor::PrivilegeWithdrawn,
        [10] => RevokedFor::AaCompromise,
        _ => return Err(Malformed::Number),
    })
}

fn number(value: &[u8]) -> Result<Box<[u8]>, Malformed> {
    let mut outer = Reader::new(value);
    let number = outer.expect(der::INTEGER)?;
    outer.finish()?;
    if number.is_empty() || number.len() > NUMBER_BYTES {
        return Err(Malformed::Number);
    }
    Ok(normalised(number).into())
}

fn key_identifier(value: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    Reader::new(Reader::new(value).expect(der::SEQUENCE)?).optional(0x80)
}

fn is_true(boolean: &[u8]) -> bool {
    boolean.iter().any(|byte| *byte != 0)
}
