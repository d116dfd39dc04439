//! The options of the AFL commands.

use clap::{Args, ValueEnum};
use everstep_afl::check;
use everstep_afl::parse::Dialect;
use std::path::PathBuf;

/// Where sources come from.
#[derive(Args, Debug, Default, Clone)]
pub struct InputArgs {
    /// Files or directories (all `.afl` and `.ffl` inside); `-` or nothing reads standard input
    pub files: Vec<PathBuf>,
    /// A primary source; may be given several times
    #[arg(long, value_name = "FILE")]
    pub primary: Vec<PathBuf>,
    /// A library source; may be given several times
    #[arg(long, value_name = "FILE")]
    pub library: Vec<PathBuf>,
    /// A library in MongoDB: not available yet
    #[arg(long, value_name = "ID:NAME")]
    pub mongo: Vec<String>,
    /// A library in a Maven repository: not available yet
    #[arg(long, value_name = "G:A:V[:C]")]
    pub maven: Vec<String>,
    /// Look for used namespaces that are missing in the sources' own directories
    #[arg(long)]
    pub auto_resolve: bool,
    /// A further directory for --auto-resolve; may be given several times
    #[arg(long, value_name = "DIR")]
    pub source_path: Vec<PathBuf>,
    /// Look for missing namespaces in MongoDB: not available yet
    #[arg(long)]
    pub mongo_resolve: bool,
    /// A configuration file of the reference; only its `resolver.source_paths` and `resolver.auto_resolve` are read
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// How sources are judged.
#[derive(Args, Debug, Default, Clone)]
pub struct JudgeArgs {
    /// Give exactly the reference's verdict; what only Everstep finds becomes a warning
    #[arg(long)]
    pub conformance: bool,
    /// The dialect for --conformance; by default the suffix of the first file decides
    #[arg(long, value_enum)]
    pub dialect: Option<DialectArg>,
    /// In which order the event facets of a block run
    #[arg(long, value_enum, default_value_t)]
    pub order: OrderArg,
    /// What becomes of the values that a foreach yields
    #[arg(long, value_enum, default_value_t)]
    pub foreach: ForeachArg,
    /// How findings are shown, on standard error
    #[arg(long, value_enum, default_value_t)]
    pub diagnostics: Format,
    /// Also show notes, which ask for nothing
    #[arg(long)]
    pub notes: bool,
    /// Shape of text findings
    #[arg(long, value_enum, default_value_t)]
    pub message_format: MessageFormat,
}

/// `everstep afl check`
#[derive(Args, Debug, Default, Clone)]
pub struct CheckArgs {
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// Warnings fail the check too
    #[arg(long)]
    pub deny_warnings: bool,
}

/// `everstep afl compile`
#[derive(Args, Debug, Default, Clone)]
pub struct CompileArgs {
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// Write the JSON into a file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// JSON without line breaks
    #[arg(long)]
    pub compact: bool,
    /// Leave `location` members out
    #[arg(long)]
    pub no_locations: bool,
    /// Tell in each location which source it is in
    #[arg(long)]
    pub include_provenance: bool,
    /// Only tell how many sources are fine
    #[arg(long)]
    pub check: bool,
    /// Only parse
    #[arg(long)]
    pub no_validate: bool,
    /// The resolved program instead: names, types, order and effective policies
    #[arg(long, conflicts_with_all = ["check", "no_validate", "include_provenance"])]
    pub resolved: bool,
    /// Accepted for the reference's sake: this command has no log
    #[arg(long, value_name = "LEVEL", hide = true)]
    pub log_level: Option<String>,
    /// Accepted for the reference's sake: this command has no log
    #[arg(long, value_name = "FILE", hide = true)]
    pub log_file: Option<PathBuf>,
    /// Accepted for the reference's sake: this command has no log
    #[arg(long, value_name = "FORMAT", hide = true)]
    pub log_format: Option<String>,
}

/// `everstep afl fmt`
#[derive(Args, Debug, Default, Clone)]
pub struct FmtArgs {
    /// Files or directories, formatted in place; `-` or nothing formats standard input to standard output
    pub files: Vec<PathBuf>,
    /// Change nothing; name the files that are not formatted and exit with 1 if there are any
    #[arg(long)]
    pub check: bool,
    /// Write to standard output instead of the file
    #[arg(long, conflicts_with = "check")]
    pub stdout: bool,
}

/// `everstep afl graph`
#[derive(Args, Debug, Default, Clone)]
pub struct GraphArgs {
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// A workflow or facet, by its short or full name; may be given several times. By default all workflows
    #[arg(long, value_name = "NAME")]
    pub of: Vec<String>,
    /// The drawing's format
    #[arg(long, value_enum, default_value_t)]
    pub format: GraphFormat,
    /// Write into a file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `everstep afl plan`
#[derive(Args, Debug, Default, Clone)]
pub struct PlanArgs {
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// A workflow or facet, by its short or full name; may be given several times. By default all workflows
    #[arg(long, value_name = "NAME")]
    pub of: Vec<String>,
}

/// `--format` of a graph
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// A flowchart for Markdown
    #[default]
    Mermaid,
    /// Graphviz
    Dot,
    /// A picture; one workflow at a time
    Svg,
}

/// The two states of the reference.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum DialectArg {
    Afl,
    Ffl,
}

impl From<DialectArg> for Dialect {
    fn from(arg: DialectArg) -> Self {
        match arg {
            DialectArg::Afl => Self::Afl,
            DialectArg::Ffl => Self::Ffl,
        }
    }
}

/// `--order`
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum OrderArg {
    /// As written, and by data
    #[default]
    Declared,
    /// By data alone, as the reference does
    Data,
}

impl From<OrderArg> for check::Order {
    fn from(arg: OrderArg) -> Self {
        match arg {
            OrderArg::Declared => Self::Declared,
            OrderArg::Data => Self::Data,
        }
    }
}

/// `--foreach`
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum ForeachArg {
    /// Each output becomes a list in item order
    #[default]
    Collect,
    /// The last item's value wins, as in the reference
    Last,
}

impl From<ForeachArg> for check::Collect {
    fn from(arg: ForeachArg) -> Self {
        match arg {
            ForeachArg::Collect => Self::All,
            ForeachArg::Last => Self::Last,
        }
    }
}

/// `--diagnostics`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
    /// One SARIF 2.1.0 log
    Sarif,
}

/// `--message-format`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    /// With excerpts of the source
    #[default]
    Rich,
    /// `Error: message at line L, column C`, as the reference writes
    Reference,
}
