#!/bin/sh
# Builds the two programs for AWS's arm64 processors and packs each as a Lambda `bootstrap`:
# build/research and build/callback for SAM and CDK, build/research.zip and build/callback.zip for Terraform.
# Needs `pip install cargo-lambda ziglang`, which brings the cross compiler along (or `cargo install cargo-lambda` and zig), and
# `rustup target add aarch64-unknown-linux-gnu`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
cargo lambda build --release --arm64 --package everstep-research --features aws
target=$(cargo metadata --no-deps --format-version 1 | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
for part in research:bootstrap callback:callback-handler; do
    name=${part%%:*}
    program=${part##*:}
    folder="$here/build/$name"
    mkdir -p "$folder"
    cp "$target/lambda/$program/bootstrap" "$folder/bootstrap"
    chmod 755 "$folder/bootstrap"
    (cd "$folder" && python3 -c 'import sys, zipfile
entry = zipfile.ZipInfo("bootstrap")
entry.external_attr = 0o755 << 16
entry.compress_type = zipfile.ZIP_DEFLATED
with zipfile.ZipFile(sys.argv[1], "w") as archive:
    archive.writestr(entry, open("bootstrap", "rb").read())' "../$name.zip")
done
ls -l "$here"/build/*.zip
