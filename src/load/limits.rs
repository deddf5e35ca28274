//! What a run may cost: one table of limits, each with its name, its default and the most it can be raised to. Never read from a project: who writes
//! a change must not be able to raise what protects the check of it.

use std::str::FromStr;

use super::decode::blank;
use crate::problem::{Problem, Span, did_you_mean};

/// One row for each limit: what it counts, its field, the name `--limit` takes, its default, the most it can be and why not more.
macro_rules! limits {
    ($($counts:literal $field:ident $name:literal $default:expr, $most:expr, $because:expr;)*) => {
        /// What reading and judging one project may cost. Whatever goes beyond is refused by name, with the option that raises the limit; nothing is
        /// judged in part without saying so.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $(#[doc = $counts] pub $field: usize,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Limit {
            /// Every limit, in the order data meets them.
            pub const ALL: &[Self] = &[
                $(Self { name: $name, counts: $counts, default: $default, most: $most, because: $because, field: |l| &mut l.$field },)*
            ];
        }
    };
}

const MIB: usize = 1 << 20;
const IN_32_BITS: usize = u32::MAX as usize - 1;
const MANY: usize = 1 << 30;
const MEMORY: &str = "memory would run out first";
const PLACES: &str = "places are 32 bits wide";
const RECURSION: &str = "Cedar recurses, and would overflow its stack and abort";

limits! {
    "bytes of one file" file_bytes "file-bytes" 64 * MIB, IN_32_BITS, PLACES;
    "bytes of a project's declarations" project_bytes "project-bytes" 256 * MIB, 1 << 40, MEMORY;
    "declaration files of a project" files "files" 20_000, MANY, MEMORY;
    "maps and lists inside each other" depth "depth" 64, 512, "conversion to JSON recurses";
    "keys and values of one file" values "values" 1_000_000, IN_32_BITS, "they are numbered in 32 bits";
    "nodes of a project, declared copies included" nodes "nodes" 100_000, MANY, MEMORY;
    "flows of a project" flows "flows" 200_000, MANY, MEMORY;
    "data on flows, each variant counted" crossings "crossings" 1_000_000, MANY, MEMORY;
    "questions put to the policies" questions "questions" 1_000_000, MANY, MEMORY;
    "files of a private pack" pack_files "pack-files" 20_000, MANY, MEMORY;
    "bytes of a pack's file or a permit list" policy_bytes "policy-bytes" MIB, IN_32_BITS, PLACES;
    "policies of all packs in use" policies "policies" 2_000, 1 << 20, MEMORY;
    "brackets, `if`s and signs inside each other in a policy" policy_depth "policy-depth" 64, 256, RECURSION;
    "operators of one policy" policy_operators "policy-operators" 500, 2_000, RECURSION;
    "problems printed of a longer list" problems "problems" 1_000, usize::MAX, "";
}

/// One limit.
#[derive(Debug)]
pub struct Limit {
    /// As `--limit` takes it.
    pub name: &'static str,
    /// What it counts.
    pub counts: &'static str,
    /// Its value unless somebody says otherwise.
    pub default: usize,
    /// The most it can be.
    pub most: usize,
    /// Why not more.
    pub because: &'static str,
    field: fn(&mut Limits) -> &mut usize,
}

impl Limit {
    /// The limit as a help page lists it.
    #[must_use]
    pub fn in_words(&self) -> String {
        let default = if self.name.ends_with("bytes") && self.default.is_multiple_of(MIB) {
            format!("{}MiB", self.default / MIB)
        } else {
            self.default.to_string()
        };
        format!("{}={default}", self.name)
    }
}

impl Limits {
    /// These limits, none above the most it can be: a caller of the library may have set any number.
    #[must_use]
    pub fn held(&self) -> Self {
        let mut held = self.clone();
        for limit in Limit::ALL {
            let value = (limit.field)(&mut held);
            *value = (*value).min(limit.most);
        }
        held
    }

    /// Every limit at the most it can be.
    #[must_use]
    pub fn most() -> Self {
        let mut limits = Self::default();
        for limit in Limit::ALL {
            *(limit.field)(&mut limits) = limit.most;
        }
        limits
    }

    /// The limits with these settings, the last of a name counting.
    #[must_use]
    pub fn with(settings: &[Setting]) -> Self {
        let mut limits = Self::default();
        for setting in settings {
            if let Some(limit) = Limit::ALL.iter().find(|l| l.name == setting.name) {
                *(limit.field)(&mut limits) = setting.value;
            }
        }
        limits
    }
}

/// What is left of the limits on a project's files while they are read one after the other.
#[derive(Debug)]
pub(super) struct Budget<'l> {
    limits: &'l Limits,
    files: usize,
    bytes: u64,
}

impl<'l> Budget<'l> {
    pub(super) fn new(limits: &'l Limits) -> Self {
        Self { limits, files: 0, bytes: 0 }
    }

    /// Takes one more file.
    ///
    /// # Errors
    /// It is one too many, or too large beside those before it.
    pub(super) fn take(&mut self, name: &str, bytes: u64) -> Result<(), Problem> {
        const PARTS: &str = "give a part of the project a `flowgate.yaml` of its own";
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        let (files, most) = (self.limits.files, self.limits.project_bytes);
        let refused = |code, message: String, name_of_limit| {
            let problem = Problem::new(code, message).at(&blank(name), Span::default(), "not read, nor any file after it");
            Err(problem.help(format!("{PARTS}; or {}", raise(name_of_limit))))
        };
        if self.files > files {
            return refused("load/files", format!("more than {files} declaration files in one project, the limit is {files}"), "files");
        }
        if self.bytes > most as u64 {
            let message = format!("the project's declarations have {} bytes up to this file, the limit is {most}", self.bytes);
            return refused("load/project-bytes", message, "project-bytes");
        }
        Ok(())
    }
}

/// The way out of a limit that was hit.
#[must_use]
pub fn raise(name: &str) -> String {
    format!("raise it with `--limit {name}=N`")
}

/// One limit set to a value: `file-bytes=128MiB`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The limit.
    pub name: &'static str,
    /// Its value.
    pub value: usize,
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("a limit and its value, such as file-bytes=128MiB")?;
        let Some(limit) = Limit::ALL.iter().find(|l| l.name == name) else {
            let near = did_you_mean(name, Limit::ALL.iter().map(|l| l.name)).map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
            let names: Vec<&str> = Limit::ALL.iter().map(|l| l.name).collect();
            return Err(format!("there is no limit `{name}`; {near}limits: {}", names.join(", ")));
        };
        let value = number(value).ok_or_else(|| format!("`{name}` takes a whole number from 1 on, sizes also as 64KiB, 64MiB or 2GiB"))?;
        if value > limit.most {
            return Err(format!("`{name}` is at most {}: {}", limit.most, limit.because));
        }
        Ok(Self { name: limit.name, value })
    }
}

/// A number from 1 on, in thousands and millions of a computer where it says so.
fn number(text: &str) -> Option<usize> {
    let (digits, unit) = [("KiB", 1 << 10), ("MiB", MIB), ("GiB", 1 << 30)]
        .into_iter()
        .find_map(|(word, unit)| text.strip_suffix(word).map(|digits| (digits, unit)))
        .unwrap_or((text, 1));
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<usize>().ok()?.checked_mul(unit).filter(|n| *n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_a_field_of_its_own_and_the_default_of_the_table() {
        for limit in Limit::ALL {
            let set = Limits::with(&[Setting { name: limit.name, value: limit.default + 1 }]);
            let mut differs = Limits::default();
            *(limit.field)(&mut differs) += 1;
            assert_eq!(set, differs, "{}", limit.name);
            assert!(limit.default <= limit.most, "{}", limit.name);
            let others = Limit::ALL.iter().filter(|other| other.name != limit.name);
            let mut set = set;
            for other in others {
                assert_eq!(*(other.field)(&mut set), other.default, "{} sets {}", limit.name, other.name);
            }
        }
    }

    #[test]
    fn a_setting_is_a_name_and_a_number() {
        let parsed = |text: &str| Setting::from_str(text).map(|s| (s.name, s.value));
        assert_eq!(parsed("file-bytes=64MiB"), Ok(("file-bytes", 64 << 20)));
        assert_eq!(parsed("policy-bytes=3KiB"), Ok(("policy-bytes", 3072)));
        assert_eq!(parsed("depth=512"), Ok(("depth", 512)));
        assert_eq!(parsed("depth=513").unwrap_err(), "`depth` is at most 512: conversion to JSON recurses");
        assert_eq!(parsed("file-bytes=4GiB").unwrap_err(), "`file-bytes` is at most 4294967294: places are 32 bits wide");
        for bad in ["files=", "files=0", "files=-1", "files=+1", "files=1e3", "files=1 MiB", "files=99999999999999999999"] {
            assert_eq!(parsed(bad).unwrap_err(), "`files` takes a whole number from 1 on, sizes also as 64KiB, 64MiB or 2GiB", "{bad}");
        }
        assert_eq!(parsed("files").unwrap_err(), "a limit and its value, such as file-bytes=128MiB");
        assert_eq!(
            parsed("file-byte=1").unwrap_err(),
            "there is no limit `file-byte`; did you mean `file-bytes`? limits: file-bytes, project-bytes, files, depth, values, nodes, flows, \
             crossings, questions, pack-files, policy-bytes, policies, policy-depth, policy-operators, problems"
        );
    }

    #[test]
    fn no_caller_gets_beyond_the_most() {
        let limits = Limits { depth: 100_000, policy_depth: usize::MAX, ..Limits::default() };
        assert_eq!(limits.held(), Limits { depth: 512, policy_depth: 256, ..Limits::default() });
    }
}
