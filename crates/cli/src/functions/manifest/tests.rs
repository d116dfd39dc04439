use super::*;

fn read_text(text: &str) -> Result<Vec<Declared>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hello/everstep.toml");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    read(&path)
}

#[test]
fn one_function_is_named_by_its_folder() {
    let all = read_text(
        "runtime = 'python'\nhandler = 'app.handler'\ndurable = true\nconcurrency = 4\n[environment]\nA = 'x'\nB = 1\nC = true\n",
    )
    .unwrap();
    let [one] = all.as_slice() else {
        panic!("{}", all.len());
    };
    assert_eq!(
        (&*one.name, &*one.config.runtime_name),
        ("hello", "python3.13")
    );
    let variables: Vec<_> = one
        .config
        .environment
        .values()
        .map(String::as_str)
        .collect();
    assert_eq!(variables, ["x", "1", "true"]);
    assert_eq!(one.config.durable.unwrap().retention_days, 14);
    assert_eq!(one.config.scaling.concurrency, Some(4));
}

#[test]
fn several_functions_have_a_table_each() {
    let all = read_text(
        "[functions.a]\nruntime = 'nodejs22.x'\nhandler = 'app.a'\n[functions.a.durable]\nexecution_timeout = 60\nretention_days = 2\n\
         [functions.b]\ntarget = 'http://127.0.0.1:3001'\ntimeout = 9\n",
    )
    .unwrap();
    assert_eq!((&*all[0].name, &*all[1].name), ("a", "b"));
    assert_eq!(all[0].config.durable.unwrap().execution_timeout_s, Some(60));
    assert_eq!(
        (all[1].config.timeout_s, &*all[1].place),
        (9, "http://127.0.0.1:3001")
    );
    assert!(
        matches!(&all[1].source, Source::Elsewhere(Code::Elsewhere(remote)) if remote.function.is_none())
    );
}

#[test]
fn a_fault_is_told_with_its_place() {
    for (text, said) in [
        ("runtime = ", "line 1"),
        (
            "runtime = 'python'\nhandler = 'a.b'\ntimout = 3\n",
            "timout",
        ),
        (
            "handler = 'a.b'\n",
            "hello: it has neither a runtime nor a target",
        ),
        ("runtime = 'ruby3.3'\n", "the runtime ruby3.3"),
        ("runtime = 'python'\n", "it has no handler"),
        (
            "runtime = 'python'\ntarget = 'http://x'\n",
            "a target and a runtime",
        ),
        (
            "runtime = 'python'\nhandler = 'a.b'\nname = 'a b'\n",
            "a b is no name",
        ),
        (
            "runtime = 'python'\nhandler = 'a.b'\ncode = 'absent'\n",
            "is not there",
        ),
        (
            "runtime = 'python'\nhandler = 'a.b'\nenvironment = {A = []}\n",
            "the variable A",
        ),
        (
            "[functions.a]\nruntime = 'python'\nhandlr = 'a.b'\n",
            "handlr",
        ),
    ] {
        let fault = read_text(text).err().unwrap();
        assert!(fault.contains(said), "{text}: {fault}");
    }
}
