use super::*;
use everstep_logs::{Limits, Logs};
use std::time::Duration;

use super::super::function::Scaling;

fn spec(runtime: Runtime, own: &[(&str, &str)]) -> FunctionSpec {
    FunctionSpec {
        arn: "arn:aws:lambda:us-east-1:000000000000:function:f:7".to_owned(),
        name: "f".to_owned(),
        version: "7".to_owned(),
        revision: "r".to_owned(),
        runtime,
        handler: "app.handler".to_owned(),
        code: PathBuf::from("/code"),
        layers: None,
        environment: own
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        timeout: Duration::from_secs(3),
        memory_mb: 256,
        log_format: LogFormat::Json,
        scaling: Scaling::default(),
    }
}

fn of(spec: &FunctionSpec) -> BTreeMap<String, OsString> {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::open(folder.path(), Limits::default()).unwrap();
    let mut options = HostOptions::new(logs, "/scratch", "http://127.0.0.1:1234");
    options.python_path = vec![PathBuf::from("/extra")];
    let credentials = WorkerCredentials::random(&spec.arn);
    let place = Place {
        runtime_api: ([127, 0, 0, 1], 9001).into(),
        home: Path::new("/scratch/workers/1"),
        credentials: &credentials,
        log_stream: "stream",
        runtime_dir: Path::new("/scratch/runtime"),
    };
    variables(spec, &options, &place, |name| match name {
        "PATH" => Some(OsString::from("/bin")),
        "SECRET" => Some(OsString::from("of the server")),
        _ => None,
    })
}

#[test]
fn only_the_named_variables_of_the_server_pass() {
    let all = of(&spec(Runtime::Provided, &[]));
    assert_eq!(all["PATH"], "/bin");
    assert!(!all.contains_key("SECRET") && !all.contains_key("PYTHONPATH"));
    assert_eq!(all["HOME"], "/scratch/workers/1");
    assert_eq!(all["AWS_LAMBDA_RUNTIME_API"], "127.0.0.1:9001");
    assert_eq!(all["AWS_LAMBDA_LOG_FORMAT"], "JSON");
    assert_eq!(all["AWS_ENDPOINT_URL_LAMBDA"], "http://127.0.0.1:1234");
    assert_eq!(all["AWS_ENDPOINT_URL_SFN"], "http://127.0.0.1:1234");
}

#[test]
fn the_user_s_variables_win_except_for_the_reserved() {
    let own = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL_LAMBDA", "http://elsewhere"),
        ("AWS_LAMBDA_RUNTIME_API", "evil:1"),
        ("HOME", "/own"),
    ];
    let all = of(&spec(Runtime::Node, &own));
    assert_eq!(all["AWS_REGION"], "eu-west-1");
    assert_eq!(all["AWS_ENDPOINT_URL_LAMBDA"], "http://elsewhere");
    assert_eq!(all["AWS_LAMBDA_RUNTIME_API"], "127.0.0.1:9001");
    assert_eq!(all["HOME"], "/own");
}

#[test]
fn any_credential_source_of_the_user_replaces_ours() {
    assert!(of(&spec(Runtime::Node, &[])).contains_key("AWS_ACCESS_KEY_ID"));
    for source in CREDENTIAL_SOURCES {
        let all = of(&spec(Runtime::Node, &[(source, "x")]));
        let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        for key in keys.into_iter().filter(|key| *key != source) {
            assert!(!all.contains_key(key), "{key} beside {source}");
        }
    }
}

#[test]
fn python_finds_code_own_path_and_extra_folders_in_this_order() {
    let all = of(&spec(Runtime::Python, &[("PYTHONPATH", "/own1:/own2")]));
    assert_eq!(all["PYTHONPATH"], "/code:/own1:/own2:/extra");
}
