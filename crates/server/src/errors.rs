//! Every error code of the server. Each has a page in `docs/errors`.

use std::fmt;

/// A mistake, or a fault, that has a page. The numbers are shown to users and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    UnknownFunction,
    MalformedJson,
    TooLarge,
    StaleToken,
    InvalidToken,
    UnknownExecution,
    DamagedStore,
    StoreUnavailable,
    PortInUse,
    Overloaded,
    UnknownRoute,
    InvalidParameter,
    Conflict,
    InvalidLink,
    UnknownArtifact,
    PreconditionFailed,
    Crashed,
    Ended,
    CallbackClosed,
    FunctionFailed,
    TooSlow,
    UnknownAgent,
    StillRunning,
    FolderInUse,
    NewerStore,
    UnsatisfiableRange,
    UnusableArtifacts,
    NotRedrivable,
    UnknownOperation,
    AmbiguousOperation,
    MissingCredentials,
    MalformedCredentials,
    UnknownKey,
    ExpiredKey,
    WrongSignature,
    ClockSkew,
    NotAllowed,
    AmbiguousRequest,
    UnsafeListen,
    UnusableKeys,
    ConcurrencyReached,
    Unserved,
    NotSigned,
    UnknownLog,
    MalformedQuery,
    MalformedPattern,
    UnknownLetter,
    UnknownStateMachine,
    WrongDefinition,
    InvalidAgent,
    WrongSettings,
    UnknownCallback,
    CallbackAnswered,
    TooManyRequests,
    UnusableEncoding,
    TooDeep,
    UnknownApproval,
    StaleDecision,
    NotAsked,
    Decided,
    SpentLink,
    WrongForm,
    NotHandedOn,
    Unnamed,
}

/// Codes with what they mean in a few words, in the order of their numbers.
pub const EXPLANATIONS: &[(Code, &str, &str)] = &[
    (
        Code::UnknownFunction,
        "E0101",
        "There is no such function or state machine, version or alias",
    ),
    (
        Code::MalformedJson,
        "E0102",
        "The body is not the JSON that was expected",
    ),
    (Code::TooLarge, "E0103", "The body is longer than allowed"),
    (
        Code::StaleToken,
        "E0104",
        "The checkpoint token has been used or its invocation is over",
    ),
    (
        Code::InvalidToken,
        "E0105",
        "The token was not issued here, or not for this",
    ),
    (
        Code::UnknownExecution,
        "E0106",
        "There is no such execution",
    ),
    (Code::DamagedStore, "E0107", "Stored data can't be trusted"),
    (
        Code::StoreUnavailable,
        "E0108",
        "The store can't be written or read",
    ),
    (Code::PortInUse, "E0109", "The address is in use"),
    (Code::Overloaded, "E0110", "Too much is waiting"),
    (
        Code::UnknownRoute,
        "E0111",
        "There is nothing at this address",
    ),
    (Code::InvalidParameter, "E0112", "A parameter is not valid"),
    (
        Code::Conflict,
        "E0113",
        "The request does not fit the present state",
    ),
    (
        Code::InvalidLink,
        "E0114",
        "The link is not valid, or not any more",
    ),
    (Code::UnknownArtifact, "E0115", "There is no such artifact"),
    (
        Code::PreconditionFailed,
        "E0116",
        "It is not what the request expected it to be",
    ),
    (Code::Crashed, "E0117", "Our own code crashed"),
    (Code::Ended, "E0118", "The engine has ended"),
    (
        Code::CallbackClosed,
        "E0119",
        "Nobody waits for this callback any more",
    ),
    (
        Code::FunctionFailed,
        "E0120",
        "The function behind the route did not answer well",
    ),
    (Code::TooSlow, "E0121", "The request did not arrive in time"),
    (Code::UnknownAgent, "E0122", "There is no such agent"),
    (
        Code::StillRunning,
        "E0123",
        "The execution has not ended in the time that a call waits",
    ),
    (
        Code::FolderInUse,
        "E0124",
        "Another server works on this data folder",
    ),
    (
        Code::NewerStore,
        "E0125",
        "The store was written by a later version",
    ),
    (
        Code::UnsatisfiableRange,
        "E0126",
        "The artifact has nothing of this range",
    ),
    (
        Code::UnusableArtifacts,
        "E0127",
        "The place for artifacts can't be used",
    ),
    (
        Code::NotRedrivable,
        "E0140",
        "The execution can't be redriven as it stands",
    ),
    (
        Code::UnknownOperation,
        "E0141",
        "The execution has no such operation",
    ),
    (
        Code::AmbiguousOperation,
        "E0142",
        "Several operations have this name",
    ),
    (
        Code::MissingCredentials,
        "E0180",
        "The request shows no credentials",
    ),
    (
        Code::MalformedCredentials,
        "E0181",
        "The credentials can't be read",
    ),
    (Code::UnknownKey, "E0182", "Nobody has this key"),
    (Code::ExpiredKey, "E0183", "The key is not good any more"),
    (
        Code::WrongSignature,
        "E0184",
        "The signature does not fit the request",
    ),
    (
        Code::ClockSkew,
        "E0185",
        "The request was signed too long ago, or in the future",
    ),
    (Code::NotAllowed, "E0186", "The key is not good for this"),
    (
        Code::AmbiguousRequest,
        "E0187",
        "The request can be read in two ways",
    ),
    (
        Code::UnsafeListen,
        "E0188",
        "Nothing would protect this address",
    ),
    (
        Code::UnusableKeys,
        "E0189",
        "A file of keys or certificates can't be used",
    ),
    (
        Code::ConcurrencyReached,
        "E0150",
        "The function runs as often at once as it may",
    ),
    (
        Code::Unserved,
        "E0151",
        "AWS has this operation, Everstep does not",
    ),
    (
        Code::NotSigned,
        "E0152",
        "The address takes signed requests alone",
    ),
    (
        Code::UnknownLog,
        "E0160",
        "There is no such log group, stream, record or query",
    ),
    (
        Code::MalformedQuery,
        "E0161",
        "The query of logs can't be read",
    ),
    (
        Code::MalformedPattern,
        "E0162",
        "The filter pattern can't be read",
    ),
    (Code::UnknownLetter, "E0145", "There is no such letter"),
    (
        Code::UnknownStateMachine,
        "E0170",
        "There is no such state machine, version, alias or activity",
    ),
    (
        Code::WrongDefinition,
        "E0171",
        "The definition of the state machine is not right",
    ),
    (
        Code::InvalidAgent,
        "E0230",
        "The description of the agent is not right",
    ),
    (
        Code::WrongSettings,
        "E0190",
        "The file of settings can't be used",
    ),
    (
        Code::UnknownCallback,
        "E0191",
        "There is no such callback, or not for these credentials",
    ),
    (
        Code::CallbackAnswered,
        "E0192",
        "The callback has been answered otherwise",
    ),
    (
        Code::TooManyRequests,
        "E0193",
        "Too many requests in a short time",
    ),
    (
        Code::UnusableEncoding,
        "E0195",
        "The body is encoded or typed in a way that is not taken",
    ),
    (Code::TooDeep, "E0196", "The JSON is nested too deeply"),
    (Code::UnknownApproval, "E0220", "There is no such approval"),
    (
        Code::StaleDecision,
        "E0221",
        "The decision is about something else than what is asked",
    ),
    (
        Code::NotAsked,
        "E0222",
        "Whoever decides is not asked, or asked for it themselves",
    ),
    (Code::Decided, "E0223", "It has been decided"),
    (
        Code::SpentLink,
        "E0224",
        "The link to an approval has been used, or is not good any more",
    ),
    (
        Code::WrongForm,
        "E0225",
        "The form's values, or the form itself, do not fit",
    ),
    (
        Code::NotHandedOn,
        "E0226",
        "A place of an approval can't be handed on like this",
    ),
    (Code::Unnamed, "E0227", "Who decides has to have a name"),
];

impl Code {
    fn row(self) -> Option<&'static (Self, &'static str, &'static str)> {
        EXPLANATIONS.iter().find(|(code, _, _)| *code == self)
    }

    /// `E0101`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().map_or("", |(_, name, _)| name)
    }

    /// One sentence without its full stop.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.row().map_or("", |(_, _, title)| title)
    }

    /// The code of why an engine could not be opened: what a later call would mean by an invalid or conflicting request is here the
    /// store's format and its lock.
    #[must_use]
    pub fn of_opening(error: &everstep_engine::Error) -> Self {
        use everstep_core::Kind;
        match error {
            everstep_engine::Error::Store { kind, .. } => match kind {
                Kind::Invalid => Self::NewerStore,
                Kind::Conflict => Self::FolderInUse,
                _ => Self::of(error),
            },
            _ => Self::of(error),
        }
    }

    /// The code of what the engine refused.
    #[must_use]
    pub fn of(error: &everstep_engine::Error) -> Self {
        use everstep_core::Kind;
        use everstep_engine::Error;
        match error {
            Error::UnknownExecution { .. } => Self::UnknownExecution,
            Error::NameTaken { .. }
            | Error::Refused { .. }
            | Error::LetterRefused { .. }
            | Error::EntryExists { .. } => Self::Conflict,
            Error::UnknownLetter { .. } => Self::UnknownLetter,
            Error::NotRedrivable { .. } => Self::NotRedrivable,
            Error::UnknownOperation { .. } => Self::UnknownOperation,
            Error::InvalidToken => Self::InvalidToken,
            Error::Overloaded { .. } => Self::Overloaded,
            Error::ConcurrencyReached { .. } => Self::ConcurrencyReached,
            Error::Crashed { .. } => Self::Crashed,
            Error::Damaged { .. } | Error::Payload { .. } => Self::DamagedStore,
            Error::Store { kind, .. } => match kind {
                Kind::Corrupt => Self::DamagedStore,
                Kind::Invalid => Self::InvalidParameter,
                Kind::Bug => Self::Crashed,
                Kind::NotFound | Kind::Conflict | Kind::Throttled | Kind::Transient => {
                    Self::StoreUnavailable
                }
            },
            Error::Ended => Self::Ended,
            Error::UnknownEntry { what, .. } if *what == "agent" => Self::UnknownAgent,
            Error::UnknownEntry { .. } => Self::UnknownFunction,
            Error::EntryChanged { .. } => Self::PreconditionFailed,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
