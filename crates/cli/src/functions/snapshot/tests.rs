use super::*;

#[test]
fn a_copy_stays_when_the_code_changes_and_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let (code, to) = (folder.path().join("code"), folder.path().join("copies"));
    for below in ["lib", "__pycache__", ".git", ".venv", "data"] {
        fs::create_dir_all(code.join(below)).unwrap();
        fs::write(code.join(below).join("file"), below).unwrap();
    }
    fs::write(code.join("app.py"), "1").unwrap();
    let data = code.join("data");
    let first = take(&code, &to, &data).unwrap();
    assert_eq!(take(&code, &to, &data).unwrap(), first);
    fs::write(code.join("__pycache__/file"), "other").unwrap();
    assert_eq!(take(&code, &to, &data).unwrap(), first, "it is left out");
    fs::write(code.join("app.py"), "2").unwrap();
    let second = take(&code, &to, &data).unwrap();
    assert_ne!(second, first);
    assert_eq!(fs::read_to_string(first.join("app.py")).unwrap(), "1");
    assert_eq!(fs::read_to_string(second.join("app.py")).unwrap(), "2");
    assert_eq!(fs::read_to_string(second.join("lib/file")).unwrap(), "lib");
    assert!(!second.join("__pycache__").exists() && !second.join("data").exists());
    assert!(
        fs::symlink_metadata(second.join(".venv"))
            .unwrap()
            .is_symlink()
    );
    let mut mode = fs::metadata(code.join("app.py")).unwrap().permissions();
    mode.set_mode(0o755);
    fs::set_permissions(code.join("app.py"), mode).unwrap();
    let third = take(&code, &to, &data).unwrap();
    assert_ne!(third, second, "whether a file is executable counts");
}

#[test]
fn a_file_becomes_the_bootstrap() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hello");
    fs::write(&file, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let copy = take(&file, &folder.path().join("copies"), Path::new("/nowhere")).unwrap();
    let mode = fs::metadata(copy.join("bootstrap"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o111, 0o111);
}
