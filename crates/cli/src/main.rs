//! The binary `everstep`.

mod afl;
mod arguments;
mod artifacts;
mod bounds;
mod callbacks;
mod client;
#[cfg(feature = "aws")]
mod cloudwatch;
mod composition;
mod dev;
mod doctor;
mod error;
mod follow;
mod functions;
mod host;
mod keys;
mod log_options;
mod notifications;
mod output;
mod parent;
mod serve;
mod services;
mod settings;
mod states;
mod telemetry;
mod verbs;

#[cfg(feature = "demo")]
mod demo;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use output::Format;

/// Runs work that must not be lost: functions, state machines, agents and people.
///
/// Data goes to standard output, everything else to standard error.
///
/// Exit codes: 0 done; 1 what was asked for failed; 2 wrong usage; 3 not found; 4 conflict; 5 no server answers; 6 the server refused; 7 the code of a replay does not start.
#[derive(Parser)]
#[command(name = "everstep", version, max_term_width = 100)]
struct Everstep {
    /// Address of the server; without it the one that runs in this folder, else http://127.0.0.1:9070
    #[arg(long, global = true, env = "EVERSTEP_ENDPOINT", value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    access: client::Access,
    /// How data is written
    #[arg(short, long, global = true, value_enum, default_value_t)]
    output: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a server for development: loopback only, everything in one folder
    Dev(dev::Dev),
    /// Start a server for others: with keys, TLS and limits
    Serve(serve::Serve),
    /// Make, list and take back the keys of a server
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Run a complete example
    #[cfg(feature = "demo")]
    #[command(subcommand)]
    Demo(demo::Demo),
    /// Start an execution of a function or a state machine
    Start(verbs::Start),
    /// List executions, newest first
    List(verbs::List),
    /// Show an execution: where it stands and what it waits for
    Describe(verbs::Describe),
    /// Print what an execution came to
    Result(verbs::Outcome),
    /// Show an execution's events
    History(verbs::History),
    /// Show what a function printed or a state machine logged
    Logs(verbs::Logs),
    /// Cancel a workflow and what its agents do
    Cancel(verbs::Cancel),
    /// End an execution as stopped
    Stop(verbs::Stop),
    /// Hold an execution: its function is not invoked until it is resumed
    Pause(verbs::Pause),
    /// Let a paused execution go on
    Resume(verbs::Resume),
    /// Delete an execution that has ended, with all that belongs to it
    Delete(verbs::Delete),
    /// Let a failed execution go on from what failed
    Redrive(verbs::Redrive),
    /// Start an execution from what another one had done before an operation
    Fork(verbs::Fork),
    /// Hold a recorded execution against other code, without effects
    Replay(verbs::Replay),
    /// Declare, show and call agents
    #[command(subcommand)]
    Agents(verbs::Agents),
    /// Answer a callback
    #[command(subcommand)]
    Callback(verbs::Callback),
    /// See and decide what people are asked
    #[command(subcommand)]
    Approvals(verbs::Approvals),
    /// Show an execution's callbacks, and what was tried on them
    Callbacks(verbs::Callbacks),
    /// List, show, send again and throw away what nobody wanted or took
    #[command(subcommand)]
    DeadLetters(verbs::DeadLetters),
    /// Approve what a workflow waits for
    Approve(verbs::Approve),
    /// Reject what a workflow waits for
    Reject(verbs::Reject),
    /// Find what stands in the way of a server: settings, sinks, agents, missing variables
    Doctor(doctor::Doctor),
    /// Explain an error code or a rule of a language
    Explain(verbs::Explain),
    /// Check, compile, format and draw Agent Flow Language; `everstep afl --help` tells more
    #[command(disable_help_flag = true)]
    Afl {
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGS"
        )]
        words: Vec<std::ffi::OsString>,
    },
    /// Validate, test and run definitions of state machines
    #[command(subcommand)]
    States(states::States),
    /// Print completions for a shell, to be sourced from its start-up file
    Completions { shell: clap_complete::Shell },
    /// Serve one of the research agents
    #[cfg(feature = "demo")]
    #[command(hide = true)]
    Agent(demo::AgentProcess),
    /// Serve the functions of the research workflow to a Lambda Runtime API
    #[cfg(feature = "demo")]
    #[command(hide = true)]
    Function,
}

fn main() -> ExitCode {
    // The AFL compiler keeps the options of the reference, where `-o` names a file: it reads its own words.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == "afl") {
        return afl::run(words);
    }
    let everstep = Everstep::parse();
    let context = verbs::Context {
        url: everstep.url,
        access: everstep.access,
        format: everstep.output,
        folder: PathBuf::from(".everstep"),
    };
    let done = match everstep.command {
        Command::Dev(dev) => dev.run(),
        Command::Serve(serve) => serve.run(),
        Command::Keys(keys) => keys.run(context.format),
        #[cfg(feature = "demo")]
        Command::Demo(demo) => demo.run(),
        #[cfg(feature = "demo")]
        Command::Agent(agent) => agent.run(),
        #[cfg(feature = "demo")]
        Command::Function => demo::serve_functions(),
        Command::Start(verb) => verb.run(&context),
        Command::List(verb) => verb.run(&context),
        Command::Describe(verb) => verb.run(&context),
        Command::Result(verb) => verb.run(&context),
        Command::History(verb) => verb.run(&context),
        Command::Logs(verb) => verb.run(&context),
        Command::Cancel(verb) => verb.run(&context),
        Command::Stop(verb) => verb.run(&context),
        Command::Pause(verb) => verb.run(&context),
        Command::Resume(verb) => verb.run(&context),
        Command::Delete(verb) => verb.run(&context),
        Command::Redrive(verb) => verb.run(&context),
        Command::Fork(verb) => verb.run(&context),
        Command::Replay(verb) => verb.run(&context),
        Command::Agents(verb) => verb.run(&context),
        Command::Callback(verb) => verb.run(&context),
        Command::Approvals(verb) => verb.run(&context),
        Command::Callbacks(verb) => verb.run(&context),
        Command::DeadLetters(verb) => verb.run(&context),
        Command::Approve(verb) => verb.run(&context),
        Command::Reject(verb) => verb.run(&context),
        Command::Doctor(doctor) => doctor.run(&context),
        Command::Explain(verb) => verb.run(),
        Command::States(states) => states.run(&context),
        Command::Afl { words } => return afl::run(words),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Everstep::command(), "everstep", &mut script);
            output::line(String::from_utf8_lossy(&script).trim_end())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error::report(&error),
    }
}
