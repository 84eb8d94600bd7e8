//! Replays every target's corpus, so that what the fuzzer once found stays found.

use std::{fs, path::Path};

#[test]
fn corpus_is_survived() {
    for (name, target) in egret_fuzz::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut inputs = 0;
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            target(&fs::read(entry.expect("a directory entry").path()).expect("a readable corpus file"));
            inputs += 1;
        }
        assert!(inputs > 0, "{}: the corpus is empty", folder.display());
        println!("{name}: {inputs} inputs");
    }
}
